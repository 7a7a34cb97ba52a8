import { useAction, useMutation, useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useState, type FormEvent } from "react";
import { api } from "../../../convex/_generated/api.js";
import type { CustomerFeature } from "../../../src/react/index.js";
import { amountOf, dayOf, messageOf, momentOf } from "./formats.js";
import { PurchasePage, QuarantinePage } from "./Purchases.js";
import { useCustomer } from "./tally.js";

type Account = NonNullable<FunctionReturnType<typeof api.operator.account>>;
type Event = FunctionReturnType<typeof api.operator.events>["page"][number];
type Audit = FunctionReturnType<typeof api.operator.audit>;

/** What the server shows to nobody but operators; asked first, so that others get a page and no error. */
export function Operator() {
  const access = useQuery(api.operator.access, {});
  if (access === undefined) {
    return (
      <main id="main" className="notice" tabIndex={-1} aria-busy>
        <p role="status">Looking whether you may see this…</p>
      </main>
    );
  }
  if (access) return <Desk />;
  return (
    <main id="main" className="notice" tabIndex={-1} role="alert">
      <h1>This page is for operators</h1>
      <p>Your account has no operator’s role, and the server answers nobody without it.</p>
      <a className="button primary" href="#/">
        Back to the chat
      </a>
    </main>
  );
}

function Desk() {
  const [customerId, setCustomerId] = useState<string>();
  return (
    <main id="main" className="desk" tabIndex={-1}>
      <section className="customers" aria-labelledby="customers">
        <h1 id="customers">Customers</h1>
        <AuditAll />
        <CustomerPage cursor={null} chosen={customerId} onChoose={setCustomerId} />
        <h2>Payments to look at</h2>
        <QuarantinePage cursor={null} onChoose={setCustomerId} />
      </section>
      {customerId === undefined ? (
        <section className="customer empty" aria-label="Customer">
          <p>Choose a customer to see balances grant by grant, open reservations and every event.</p>
        </section>
      ) : (
        <Customer key={customerId} customerId={customerId} />
      )}
    </main>
  );
}

interface CustomerPageProps {
  cursor: string | null;
  chosen: string | undefined;
  onChoose: (customerId: string) => void;
}

function CustomerPage({ cursor, chosen, onChoose }: CustomerPageProps) {
  const [more, showMore] = useState(false);
  const found = useQuery(api.operator.customers, { cursor });
  if (found === undefined) return <p role="status">Loading…</p>;
  if (found.page.length === 0 && cursor === null) return <p>Nobody has used anything yet.</p>;
  return (
    <>
      <ul className="customer-list">
        {found.page.map(({ customerId, name, email }) => (
          <li key={customerId}>
            <button type="button" aria-pressed={customerId === chosen} onClick={() => onChoose(customerId)}>
              <strong>{name ?? customerId}</strong>
              <span>{email ?? customerId}</span>
            </button>
          </li>
        ))}
      </ul>
      {found.cursor !== null && !more && (
        <button type="button" className="button" onClick={() => showMore(true)}>
          Load more
        </button>
      )}
      {found.cursor !== null && more && <CustomerPage cursor={found.cursor} {...{ chosen, onChoose }} />}
    </>
  );
}

function Customer({ customerId }: { customerId: string }) {
  const account = useQuery(api.operator.account, { customerId });
  if (account === undefined) {
    return (
      <section className="customer" aria-label="Customer" aria-busy>
        <p role="status">Loading…</p>
      </section>
    );
  }
  if (account === null) {
    return (
      <section className="customer" aria-label="Customer">
        <p>This customer is not there any more.</p>
      </section>
    );
  }
  const { customer, subscriptions } = account;
  return (
    <section className="customer" aria-labelledby="customer">
      <div className="customer-head">
        <div>
          <h2 id="customer">{customer.name ?? customer.customerId}</h2>
          <p className="mono">{customer.customerId}</p>
        </div>
        <p>Since {dayOf(customer.createdAt)}</p>
      </div>
      <ul className="chips" aria-label="Plans">
        {subscriptions
          .filter(({ status }) => status !== "ended")
          .map(({ subscriptionId, planId, status }) => (
            <li key={subscriptionId}>
              {planId} <span className="chip-status">{status}</span>
            </li>
          ))}
      </ul>
      <AuditOne customerId={customerId} />
      <Balances balances={account.balances} />
      <Reservations reservations={account.reservations} />
      <Correction customerId={customerId} />
      <h3>Purchases</h3>
      <PurchasePage customerId={customerId} cursor={null} />
      <h3>Events</h3>
      <EventPage customerId={customerId} cursor={null} grants={grantsIn(account.balances)} />
    </section>
  );
}

function Balances({ balances }: { balances: Account["balances"] }) {
  const heading = <h3>Balances, grant by grant</h3>;
  if (balances.length === 0) {
    return (
      <>
        {heading}
        <p className="none">Nothing is given.</p>
      </>
    );
  }
  return (
    <>
      {heading}
      <div className="table" tabIndex={0} role="region" aria-label="Balances">
        <table>
          <thead>
            <tr>
              <th scope="col">Feature</th>
              <th scope="col">Grant</th>
              <th scope="col" className="number">
                Granted
              </th>
              <th scope="col" className="number">
                Used
              </th>
              <th scope="col" className="number">
                Left
              </th>
              <th scope="col">Until</th>
            </tr>
          </thead>
          <tbody>
            {balances.flatMap(({ featureId, breakdown }) =>
              breakdown.map((grant) => (
                <tr key={`${featureId} ${grant.grantId}`}>
                  <th scope="row">{featureId}</th>
                  <td>
                    {nameOf(grant)} <span className="mono">{grant.grantId}</span>
                  </td>
                  <td className="number">{grant.unlimited ? "∞" : amountOf(featureId, grant.granted)}</td>
                  <td className="number">{amountOf(featureId, grant.usage)}</td>
                  <td className="number">{grant.unlimited ? "∞" : amountOf(featureId, grant.remaining)}</td>
                  <td className="until">{untilOf(grant)}</td>
                </tr>
              )),
            )}
          </tbody>
        </table>
      </div>
    </>
  );
}

type Grant = Account["balances"][number]["breakdown"][number];

function nameOf({ planId = "extra", rollover }: Grant): string {
  return rollover ? `${planId}, left over` : planId;
}

/** What is known of the grants that events have drawn from; one that is gone has only its id. */
type Grants = ReadonlyMap<string, { featureId: string; name: string }>;

function grantsIn(balances: Account["balances"]): Grants {
  return new Map(
    balances.flatMap(({ featureId, breakdown }) =>
      breakdown.map((grant) => [grant.grantId, { featureId, name: nameOf(grant) }] as const),
    ),
  );
}

function untilOf({ nextResetAt, expiresAt }: Grant): string {
  if (expiresAt !== undefined) return `expires ${dayOf(expiresAt)}`;
  return nextResetAt === undefined ? "for good" : `resets ${dayOf(nextResetAt)}`;
}

function Reservations({ reservations }: { reservations: Account["reservations"] }) {
  return (
    <>
      <h3>Open reservations</h3>
      {reservations.length === 0 ? (
        <p className="none">Nothing is held.</p>
      ) : (
        <ul className="reservations">
          {reservations.map(({ reservationId, featureId, value, reported, expiresAt }) => (
            <li key={reservationId}>
              <strong>{featureId}</strong>: {amountOf(featureId, value)} held,{" "}
              {amountOf(featureId, reported ?? 0)} reported, until {momentOf(expiresAt)}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Gives, or sets what is left; a form that is sent twice does it once. */
function Correction({ customerId }: { customerId: string }) {
  const give = useMutation(api.operator.give);
  const adjust = useMutation(api.operator.adjust);
  const [requestId, setRequestId] = useState(() => crypto.randomUUID());
  const [outcome, setOutcome] = useState<{ isError: boolean; text: string }>();
  // All of the catalog's, since what a customer has nothing of can be given as well.
  const features = Object.values(useCustomer().customer?.features ?? {}).filter(isCounted);

  const send = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const [featureId, reason] = [String(given.get("featureId")), String(given.get("reason"))];
    const amount = Number(given.get("amount"));
    const about = { customerId, featureId, reason, requestId };
    try {
      if (given.get("what") === "give") await give({ ...about, amount });
      else await adjust({ ...about, remaining: amount });
      setOutcome({ isError: false, text: "Done. It is an event with your name and the reason." });
      setRequestId(crypto.randomUUID());
      form.reset();
    } catch (error) {
      setOutcome({ isError: true, text: messageOf(error) });
    }
  };
  return (
    <>
      <h3>Give or correct</h3>
      <form className="correction" onSubmit={(event) => void send(event)}>
        <label>
          What
          <select name="what">
            <option value="give">Give an amount</option>
            <option value="adjust">Set what is left</option>
          </select>
        </label>
        <label>
          Feature
          <select name="featureId">
            {features.map(({ id }) => (
              <option key={id}>{id}</option>
            ))}
          </select>
        </label>
        <label>
          Amount
          <input name="amount" type="number" min="0" step="any" required />
        </label>
        <label className="wide">
          Reason
          <input name="reason" required maxLength={500} placeholder="Kept with the event" />
        </label>
        <button type="submit" className="button primary">
          Apply
        </button>
        {outcome && (
          <p className={outcome.isError ? "problem" : "done"} role={outcome.isError ? "alert" : "status"}>
            {outcome.text}
          </p>
        )}
      </form>
    </>
  );
}

const isCounted = ({ type }: CustomerFeature) => type !== "boolean";

interface EventPageProps {
  customerId: string;
  cursor: string | null;
  grants: Grants;
}

function EventPage({ customerId, cursor, grants }: EventPageProps) {
  const [more, showMore] = useState(false);
  const found = useQuery(api.operator.events, { customerId, cursor });
  if (found === undefined) return <p role="status">Loading…</p>;
  if (found.page.length === 0 && cursor === null) return <p className="none">Nothing has happened yet.</p>;
  return (
    <>
      <ol className="events">
        {found.page.map((event) => (
          <li key={event.eventId}>
            <EventView event={event} grants={grants} />
          </li>
        ))}
      </ol>
      {found.cursor !== null && !more && (
        <button type="button" className="button" onClick={() => showMore(true)}>
          Load more
        </button>
      )}
      {found.cursor !== null && more && <EventPage cursor={found.cursor} {...{ customerId, grants }} />}
    </>
  );
}

function EventView({ event, grants }: { event: Event; grants: Grants }) {
  const { kind, createdAt, featureId, planId, uncovered, remaining, draws, reason, actor } = event;
  const what = featureId ?? planId ?? "";
  return (
    <>
      <div className="event-line">
        <span className="badge">{kind}</span>
        <strong>{what}</strong>
        <span className="event-value">
          {[
            ...(featureId === undefined ? [] : [valueOf(event)]),
            ...(remaining === undefined ? [] : [`${amountOf(what, remaining)} left`]),
            ...(uncovered ? [`${amountOf(what, uncovered)} uncovered`] : []),
          ].join(" · ")}
        </span>
        <time dateTime={new Date(createdAt).toISOString()}>{momentOf(createdAt)}</time>
      </div>
      {(reason ?? actor) !== undefined && (
        <p className="event-why">
          {reason}
          {actor !== undefined && ` — ${actor}`}
        </p>
      )}
      {draws !== undefined && draws.length > 0 && (
        <details>
          <summary>
            {draws.length} {draws.length === 1 ? "draw" : "draws"}
          </summary>
          <ul>
            {draws.map((draw, index) => (
              <li key={index} className="mono">
                {drawText(draw, grants)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** An adjustment says what was set, and to what. */
function valueOf({ kind, featureId = "", value, properties }: Event): string {
  const amount = amountOf(featureId, value);
  return kind === "adjust" && properties?.["set"] ? `${properties["set"]} set to ${amount}` : amount;
}

/** Below zero something was given. */
function drawText({ grantId, amount, units }: NonNullable<Event["draws"]>[number], grants: Grants): string {
  const { featureId = "", name } = grants.get(grantId) ?? {};
  const moved = amountOf(featureId, Math.abs(amount));
  const where = `${grantId}${name === undefined ? "" : ` (${featureId}, ${name})`}`;
  const paid = units === amount ? "" : `, for ${amountOf("", Math.abs(units))} units`;
  return amount < 0 ? `${moved} given to ${where}${paid}` : `${moved} taken from ${where}${paid}`;
}

function AuditOne({ customerId }: { customerId: string }) {
  const audit = useAction(api.operator.audit);
  const [found, setFound] = useState<Audit | string>();
  const run = () => {
    setFound("Replaying the events…");
    audit({ customerId }).then(setFound, (error: unknown) => setFound(messageOf(error)));
  };
  return (
    <div className="audit">
      <button type="button" className="button small" onClick={run}>
        Audit this customer
      </button>
      <p role="status">{typeof found === "string" ? found : found && verdictOf(found)}</p>
    </div>
  );
}

function verdictOf({ ok, checked, ...found }: Audit): string {
  if (ok)
    return `Proved by ${checked.events} events: all ${checked.balances} balances are what they must be.`;
  return `Something drifts: ${JSON.stringify(found)}`;
}

function AuditAll() {
  const audit = useAction(api.operator.auditAll);
  const [said, say] = useState("");
  const [running, setRunning] = useState(false);
  const run = async () => {
    if (running) return;
    setRunning(true);
    say("Replaying the events…");
    let [audited, drifting] = [0, 0];
    let cursor: string | null = null;
    try {
      do {
        const found: FunctionReturnType<typeof api.operator.auditAll> = await audit({ cursor });
        audited += found.audited;
        drifting += found.page.length;
        cursor = found.cursor;
        say(`${audited} audited, ${drifting} drifting${cursor === null ? "." : " …"}`);
      } while (cursor !== null);
    } catch (error) {
      say(messageOf(error));
    }
    setRunning(false);
  };
  return (
    <div className="audit">
      <button
        type="button"
        className="button small"
        aria-disabled={running || undefined}
        onClick={() => void run()}
      >
        Audit all
      </button>
      <p role="status">{said}</p>
    </div>
  );
}
