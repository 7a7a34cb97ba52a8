import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.js";
import { Failure } from "./Failure.js";
import { Session } from "./Session.js";
import "./styles.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no root.");
createRoot(root).render(
  <StrictMode>
    <Failure>
      <Session>{(user, signOut) => <App user={user} onSignOut={signOut} />}</Session>
    </Failure>
  </StrictMode>,
);
