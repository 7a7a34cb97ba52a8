import { useSyncExternalStore } from "react";

const ROUTES = ["chat", "plans", "operator"] as const;
export type Route = (typeof ROUTES)[number];

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

function current(): Route {
  const named = window.location.hash.replace(/^#\/?/, "");
  return ROUTES.find((route) => route === named) ?? "chat";
}

export const useRoute = (): Route => useSyncExternalStore(subscribe, current);
export const hrefOf = (route: Route): string => (route === "chat" ? "#/" : `#/${route}`);
