import { users, type DemoUser } from "../users.js";
import { Brand } from "./Brand.js";
import { ThemeToggle } from "./ThemeToggle.js";

export function SignIn({ onChoose }: { onChoose: (user: DemoUser) => void }) {
  return (
    <div className="sign-in">
      <div className="sign-in-bar">
        <Brand />
        <ThemeToggle />
      </div>
      <main>
        <h1>Who are you today?</h1>
        <p className="lead">
          A chat that is paid by use. Every message, its charge and its limit are one transaction in the app’s
          own Convex deployment.
        </p>
        <ul className="people">
          {users.map((user) => (
            <li key={user.id}>
              <button type="button" className="person" onClick={() => onChoose(user)}>
                <Avatar name={user.name} />
                <span className="person-text">
                  <strong>{user.name}</strong>
                  <span>{user.about}</span>
                </span>
                {user.role && <span className="badge">Operator</span>}
              </button>
            </li>
          ))}
        </ul>
        <p className="hint">
          Demo users need no password. Open a second tab to see a meter move in both, or sign in as somebody
          else there.
        </p>
      </main>
    </div>
  );
}

export function Avatar({ name }: { name: string }) {
  const initials = name
    .split(" ")
    .map((part) => part[0])
    .join("");
  return (
    <span className="avatar" aria-hidden>
      {initials}
    </span>
  );
}
