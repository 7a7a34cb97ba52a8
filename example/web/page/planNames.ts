import { useScope } from "./account.js";
import { usePlans } from "./tally.js";

/** What the catalog calls a plan or top-up; its id, while that is not known. */
export function usePlanNames(): (planId: string) => string {
  const plans = usePlans(useScope());
  return (planId) => plans?.find(({ id }) => id === planId)?.name ?? planId;
}
