import { createTallyReact } from "convex-tally/react";
import { api } from "../convex/_generated/api";
import type { tally } from "../convex/billing";

export const { useCustomer, useCheck, UsageMeter, Gate } = createTallyReact(api.billing);

/** The same, its ids told by the type of the app's own Tally. */
export const { BuyButton } = createTallyReact<typeof tally>(api.billing);
