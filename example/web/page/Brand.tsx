export function Brand() {
  return (
    <a className="brand" href="#/">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden>
        <rect width="32" height="32" rx="8" fill="currentColor" />
        <path
          d="M9 8v16M14 8v16M19 8v16M24 8v16M6 20L27 12"
          stroke="var(--surface)"
          strokeWidth="2.2"
          strokeLinecap="round"
        />
      </svg>
      <span>
        Tally <span className="brand-kind">demo</span>
      </span>
    </a>
  );
}
