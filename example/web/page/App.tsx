import { useConvexAuth, useConvexConnectionState, useQuery } from "convex/react";
import { useState, type MouseEvent } from "react";
import { api } from "../../../convex/_generated/api.js";
import type { DemoUser } from "../users.js";
import { ScopeContext, type Scope, type Workspace } from "./account.js";
import { Brand } from "./Brand.js";
import { Chat } from "./Chat.js";
import { HAS_CLOCK } from "./demoServer.js";
import { Operator } from "./Operator.js";
import { Plans } from "./Plans.js";
import { Returned } from "./Returned.js";
import { hrefOf, useRoute, type Route } from "./route.js";
import { ThemeToggle } from "./ThemeToggle.js";
import { TimeTravel } from "./TimeTravel.js";

export function App({ user, onSignOut }: { user: DemoUser; onSignOut: () => void }) {
  const { isLoading, isAuthenticated } = useConvexAuth();
  const route = useRoute();
  const workspaces = useQuery(api.workspaces.mine, isAuthenticated ? {} : "skip");
  const [workspaceId, setWorkspaceId] = useWorkspace(workspaces);
  const scope: Scope = workspaceId === undefined ? {} : { workspaceId };

  return (
    <ScopeContext value={scope}>
      <a className="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <header className="bar">
        <Brand />
        <nav aria-label="Pages">
          <PageLink to="chat" current={route} label="Chat" />
          <PageLink to="plans" current={route} label="Plans" />
          {user.role === "operator" && <PageLink to="operator" current={route} label="Operator" />}
        </nav>
        <div className="bar-end">
          <AccountChoice
            user={user}
            workspaces={workspaces ?? []}
            chosen={workspaceId}
            onChoose={setWorkspaceId}
          />
          <ThemeToggle />
          <button type="button" className="button quiet" onClick={onSignOut}>
            Sign out
          </button>
        </div>
      </header>
      <Connection />
      {isAuthenticated && workspaces !== undefined ? (
        <>
          <Returned key={workspaceId ?? "own"} />
          <Page route={route} />
        </>
      ) : (
        <main id="main" className="notice" tabIndex={-1} aria-busy={isLoading || isAuthenticated}>
          <p role="status">{isLoading || isAuthenticated ? "Signing in…" : "You could not be signed in."}</p>
        </main>
      )}
      {HAS_CLOCK && <TimeTravel />}
    </ScopeContext>
  );
}

/** What is behind a `#` is the route here. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

const KEPT = "tally-demo-workspace";

/** Each tab has its account; it is the same one after a checkout. */
function useWorkspace(workspaces: Workspace[] | undefined) {
  const [chosen, choose] = useState(() => sessionStorage.getItem(KEPT));
  const keep = (workspaceId: Scope["workspaceId"]) => {
    sessionStorage.setItem(KEPT, workspaceId ?? "");
    choose(workspaceId ?? null);
  };
  return [workspaces?.find(({ workspaceId }) => workspaceId === chosen)?.workspaceId, keep] as const;
}

function Page({ route }: { route: Route }) {
  if (route === "plans") return <Plans />;
  if (route === "operator") return <Operator />;
  return <Chat />;
}

function PageLink({ to, current, label }: { to: Route; current: Route; label: string }) {
  return (
    <a href={hrefOf(to)} aria-current={to === current ? "page" : undefined}>
      {label}
    </a>
  );
}

interface AccountChoiceProps {
  user: DemoUser;
  workspaces: Workspace[];
  chosen: Scope["workspaceId"];
  onChoose: (workspaceId: Scope["workspaceId"]) => void;
}

function AccountChoice({ user, workspaces, chosen, onChoose }: AccountChoiceProps) {
  return (
    <label className="account">
      <span className="visually-hidden">Account</span>
      <select
        value={chosen ?? ""}
        onChange={({ target }) =>
          onChoose(workspaces.find(({ workspaceId }) => workspaceId === target.value)?.workspaceId)
        }
      >
        <option value="">{user.name}</option>
        {workspaces.map(({ workspaceId, name, role }) => (
          <option key={workspaceId} value={workspaceId}>
            {name} ({role})
          </option>
        ))}
      </select>
    </label>
  );
}

/** Said only once there was a connection: the first one takes a moment, too. */
function Connection() {
  const { isWebSocketConnected, hasEverConnected } = useConvexConnectionState();
  if (isWebSocketConnected || !hasEverConnected) return null;
  return (
    <p className="connection" role="status">
      The connection is lost. What you see may be old; it is tried again…
    </p>
  );
}
