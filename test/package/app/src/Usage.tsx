import { Gate, UsageMeter, useCheck, useCustomer } from "./tally";

export function Usage({ className }: { className?: string | undefined }) {
  const { customer, loading } = useCustomer();
  const answer = useCheck({ featureId: "api_calls" });
  // @ts-expect-error no such feature
  const misspelt = useCheck({ featureId: "api_cals" });
  return (
    <section className={className}>
      <UsageMeter featureId="api_calls" className={className} />
      <Gate featureId="api_calls" fallback="Upgrade" loading="Loading">
        <button disabled={!answer?.allowed}>Call for {customer?.name}</button>
      </Gate>
      {loading && misspelt === undefined && "One moment"}
    </section>
  );
}
