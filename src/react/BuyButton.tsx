import type { ReactNode } from "react";
import type { BuyButtonProps } from "./components.js";
import { isTallyError } from "../core/errors.js";
import type { Inside } from "./hooks.js";
import type { AnyScope } from "./references.js";

export function buyButton({ useCheckout }: Inside) {
  return function BuyButton(props: BuyButtonProps<string, AnyScope>): ReactNode {
    const { planId, scope, className, successUrl, quantities, redirect, disabled } = props;
    const { children = "Buy", pendingLabel, errorText = wordsFor, onDone } = props;
    const { checkout, pending, error } = useCheckout(scope);

    const buy = async () => {
      if (pending) return;
      let result;
      try {
        result = await checkout({ planId, successUrl, quantities, redirect });
      } catch {
        // It is said below.
        return;
      }
      onDone?.(result);
    };
    return (
      <>
        {/* It keeps the focus while it waits, which a disabled button does not. */}
        <button
          type="button"
          className={className}
          data-tally="buy-button"
          data-state={pending ? "pending" : error ? "failed" : "ready"}
          disabled={disabled}
          aria-disabled={pending || undefined}
          aria-busy={pending || undefined}
          onClick={() => void buy()}
        >
          {pending ? (pendingLabel ?? children) : children}
        </button>
        {error !== null && (
          <span role="alert" data-tally="buy-error">
            {errorText(error)}
          </span>
        )}
      </>
    );
  };
}

/** Another error's words are for developers, and hidden in production anyway. */
const wordsFor = (error: Error): string =>
  isTallyError(error) ? error.data.message : "That did not work. Nothing was bought; please try again.";
