/** Leaving for a payment provider's pages, and coming back. */
const PLACES = ["checkout", "portal"] as const;
type Place = (typeof PLACES)[number];

/** The address to come back to: this very page, which is to know whence. */
export function backFrom(place: Place): string {
  const url = new URL(window.location.href);
  url.searchParams.set("back", place);
  return url.href;
}

/** Whence this page was come back to: once, and no more when it is loaded again. */
export const cameBackFrom: Place | null = (() => {
  const url = new URL(window.location.href);
  const given = url.searchParams.get("back");
  url.searchParams.delete("back");
  if (given !== null) window.history.replaceState(window.history.state, "", url);
  return PLACES.find((place) => place === given) ?? null;
})();
