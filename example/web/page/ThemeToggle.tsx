import { useEffect, useState } from "react";

type Theme = "light" | "dark";
const KEPT = "tally-demo-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

/** The system's theme, until another one is chosen. */
export function ThemeToggle() {
  const [chosen, choose] = useState<Theme | null>(keptTheme);
  const [isDarkSystem, setDarkSystem] = useState(system.matches);
  useEffect(() => {
    const follow = () => setDarkSystem(system.matches);
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    if (chosen === null) return;
    document.documentElement.dataset["theme"] = chosen;
    localStorage.setItem(KEPT, chosen);
  }, [chosen]);

  const isDark = chosen === null ? isDarkSystem : chosen === "dark";
  return (
    <button
      type="button"
      className="icon-button"
      aria-pressed={isDark}
      aria-label="Dark mode"
      title={isDark ? "Use light colours" : "Use dark colours"}
      onClick={() => choose(isDark ? "light" : "dark")}
    >
      <svg
        viewBox="0 0 24 24"
        width="20"
        height="20"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        aria-hidden
      >
        {isDark ? (
          <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z" strokeLinejoin="round" />
        ) : (
          <>
            <circle cx="12" cy="12" r="4" />
            <path
              d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4"
              strokeLinecap="round"
            />
          </>
        )}
      </svg>
    </button>
  );
}

function keptTheme(): Theme | null {
  const kept = localStorage.getItem(KEPT);
  return kept === "light" || kept === "dark" ? kept : null;
}
