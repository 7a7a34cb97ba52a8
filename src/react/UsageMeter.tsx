import { useId, type ReactNode } from "react";
import type { UsageMeterProps } from "./components.js";
import { balanceText, meterStateOf, useFormats } from "./formats.js";
import type { Inside } from "./hooks.js";
import type { AnyScope } from "./references.js";

export function usageMeter({ useShown }: Inside) {
  return function UsageMeter(props: UsageMeterProps<string, AnyScope>): ReactNode {
    const { featureId, scope, className, locale, label, text, loading, children } = props;
    const shown = useShown(scope);
    const formats = useFormats(locale);
    const labelId = useId();
    if (shown === null) return null;
    if (shown === undefined) return <Frame {...{ className, state: "loading" }}>{loading}</Frame>;

    const { account, at } = shown;
    const balance = account.balance(featureId, at);
    const { usage, granted } = balance;
    const isBoolean = account.feature(featureId).type === "boolean";
    const state = meterStateOf(balance);
    const percent = granted > 0 ? Math.min(Math.max((100 * usage) / granted, 0), 100) : 0;
    const said = text?.(balance) ?? balanceText(balance, isBoolean, formats);
    if (children !== undefined) {
      return <Frame {...{ className, state }}>{children(balance, { state, percent, text: said })}</Frame>;
    }
    // Where nothing ends there is nothing to measure by.
    const isMeasured = !isBoolean && granted > 0 && state !== "unlimited";
    return (
      <Frame {...{ className, state }}>
        <span id={labelId} data-part="label">
          {label ?? balance.name}
        </span>
        {isMeasured && (
          <div
            role="meter"
            aria-labelledby={labelId}
            aria-valuemin={0}
            aria-valuemax={granted}
            aria-valuenow={Math.min(Math.max(usage, 0), granted)}
            aria-valuetext={said}
            data-part="track"
          >
            <div data-part="fill" style={{ width: `${percent}%` }} />
          </div>
        )}
        {/* The meter has said it already. */}
        <span data-part="text" aria-hidden={isMeasured || undefined}>
          {said}
        </span>
      </Frame>
    );
  };
}

function Frame(props: { className?: string; state: string; children?: ReactNode }): ReactNode {
  const { className, state, children } = props;
  return (
    <div
      className={className}
      data-tally="usage-meter"
      data-state={state}
      aria-busy={state === "loading" || undefined}
    >
      {children}
    </div>
  );
}
