import { ConvexProviderWithAuth, ConvexReactClient } from "convex/react";
import { useCallback, useMemo, useState, type ReactNode } from "react";
import { users, type DemoUser } from "../users.js";
import { tokenOf } from "./demoServer.js";
import { SignIn } from "./SignIn.js";

const KEPT = "tally-demo-user";

/** Each tab has its user; a new one begins with the last who signed in. */
function keptUser(): DemoUser | null {
  const id = sessionStorage.getItem(KEPT) ?? localStorage.getItem(KEPT);
  return users.find((user) => user.id === id) ?? null;
}

function keep(user: DemoUser | null): void {
  sessionStorage.setItem(KEPT, user?.id ?? "");
  if (user !== null) localStorage.setItem(KEPT, user.id);
}

/** A connection of its own for each user, so that nothing of one is ever shown to the next. */
const clients = new Map<string, ConvexReactClient>();

function clientOf(user: DemoUser): ConvexReactClient {
  const client = clients.get(user.id) ?? new ConvexReactClient(import.meta.env["VITE_CONVEX_URL"]);
  clients.set(user.id, client);
  return client;
}

export function Session({ children }: { children: (user: DemoUser, signOut: () => void) => ReactNode }) {
  const [user, setUser] = useState(keptUser);
  if (user === null) {
    const signIn = (chosen: DemoUser) => {
      keep(chosen);
      setUser(chosen);
    };
    return <SignIn onChoose={signIn} />;
  }
  const signOut = () => {
    keep(null);
    const client = clients.get(user.id);
    clients.delete(user.id);
    window.location.hash = "#/";
    setUser(null);
    // Only when nothing shows it any more.
    setTimeout(() => void client?.close());
  };
  return (
    <SignedIn key={user.id} user={user}>
      {children(user, signOut)}
    </SignedIn>
  );
}

function SignedIn({ user, children }: { user: DemoUser; children: ReactNode }) {
  const useAuth = useMemo(() => authOf(user), [user]);
  return (
    <ConvexProviderWithAuth client={clientOf(user)} useAuth={useAuth}>
      {children}
    </ConvexProviderWithAuth>
  );
}

/** As an identity provider's own hook: a token when one is asked for. */
function authOf({ id }: DemoUser) {
  return function useAuth() {
    const fetchAccessToken = useCallback(() => tokenOf(id).catch(() => null), []);
    return useMemo(() => ({ isLoading: false, isAuthenticated: true, fetchAccessToken }), [fetchAccessToken]);
  };
}
