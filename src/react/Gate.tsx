import type { ReactNode } from "react";
import type { GateProps } from "./components.js";
import type { Inside } from "./hooks.js";
import type { AnyScope } from "./references.js";

export function gate({ useCheck }: Inside) {
  return function Gate(props: GateProps<string, AnyScope>): ReactNode {
    const { featureId, requiredBalance, scope, children, fallback = null, loading = null } = props;
    const answer = useCheck({ ...scope, featureId, requiredBalance });
    if (answer === undefined) return loading;
    if (answer?.allowed) return typeof children === "function" ? children(answer) : children;
    return typeof fallback === "function" ? fallback(answer) : fallback;
  };
}
