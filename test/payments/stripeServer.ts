/**
 * Plays Stripe's API for its official SDK, on this machine: written from the public reference, with nothing
 * of ours in it. Money moves when a test says so, and events are signed by the SDK's own test helper.
 */
import http from "node:http";
import { Stripe } from "stripe";

type Fields = Record<string, unknown>;
interface Stored extends Fields {
  id: string;
}

export interface StripeServer {
  port: number;
  /** Every request, as "POST /v1/prices". */
  requests: string[];
  /** Idempotency keys of the requests that carried one. */
  keys: string[];
  /** Objects by id. */
  objects: Map<string, Stored>;
  /** Answers the next requests to a path with an error. */
  fail(path: string, status: number, error: Fields): void;
  /** Does what the next such request asks for, and hangs up before it has answered. */
  loseAnswers(request: string): void;
  /** Answers all requests again. */
  heal(): void;
  /** A day passes: the keys of earlier requests mean nothing any more. */
  forgetKeys(): void;
  /** The payer pays a session (another amount or currency than it asks, if told). */
  pay(sessionId: string, paid?: { amount_total?: number; currency?: string }): Stored;
  /** A bank debit: the session is complete, and not paid yet. */
  complete(sessionId: string): Stored;
  expire(sessionId: string): Stored;
  refund(paymentId: string, amount: number): Stored;
  dispute(paymentId: string, amount: number, status: string): Stored;
  /** The next period begins: paid, or past due. Answers the invoice. */
  renew(subscriptionId: string, isPaid?: boolean): Stored;
  set(id: string, fields: Fields): Stored;
  /** A card is on file, which pays or is declined. */
  addCard(customerId: string, declines?: string): void;
  close(): Promise<void>;
}

export const API_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc";

export async function stripeServer(): Promise<StripeServer> {
  const objects = new Map<string, Stored>();
  const answered = new Map<string, { body: string; status: number; request: string }>();
  const failures = new Map<string, { status: number; error: Fields }>();
  const requests: string[] = [];
  const keys: string[] = [];
  const lost = new Set<string>();
  let last = 0;
  const seconds = () => Math.floor(Date.now() / 1000);
  const create = (prefix: string, object: string, fields: Fields): Stored => {
    const made = { id: `${prefix}_${++last}`, object, created: seconds(), livemode: false, ...fields };
    objects.set(made.id, made);
    return made;
  };
  const get = (id: unknown): Stored => {
    const found = objects.get(String(id));
    if (found === undefined)
      throw new Refusal(404, { type: "invalid_request_error", code: "resource_missing" });
    return found;
  };
  const all = (object: string) => [...objects.values()].filter((each) => each.object === object);
  const list = (data: Stored[]) => ({ object: "list", data, has_more: false, url: "/" });

  const periodAfter = (start: number, { recurring }: Fields): number => {
    const { interval, interval_count: count } = recurring as { interval: string; interval_count: number };
    const date = new Date(start * 1000);
    if (interval === "day") date.setUTCDate(date.getUTCDate() + count);
    if (interval === "week") date.setUTCDate(date.getUTCDate() + 7 * count);
    if (interval === "month") date.setUTCMonth(date.getUTCMonth() + count);
    if (interval === "year") date.setUTCFullYear(date.getUTCFullYear() + count);
    return date.getTime() / 1000;
  };
  const pay = (amount: number, currency: string, customer: unknown): Stored => {
    const intent = create("pi", "payment_intent", {
      amount,
      amount_received: amount,
      currency,
      customer,
      status: "succeeded",
      latest_charge: null,
      metadata: {},
    });
    const charge = create("ch", "charge", {
      amount,
      amount_refunded: 0,
      currency,
      payment_intent: intent.id,
    });
    intent.latest_charge = charge.id;
    return intent;
  };
  const invoiceOf = (
    subscription: Stored,
    amount: number,
    billing_reason: string,
    isPaid: boolean,
    currency = "usd",
  ): Stored => {
    const intent = isPaid && amount > 0 ? pay(amount, currency, subscription.customer) : null;
    return create("in", "invoice", {
      billing_reason,
      currency,
      amount_paid: isPaid ? amount : 0,
      amount_due: amount,
      total: amount,
      status: isPaid ? "paid" : "open",
      parent: { type: "subscription_details", subscription_details: { subscription: subscription.id } },
      payments: list(
        intent === null
          ? []
          : [
              {
                id: "inpay_1",
                status: "paid",
                payment: { type: "payment_intent", payment_intent: intent.id },
              },
            ],
      ),
    });
  };
  interface Item extends Stored {
    price: Stored;
    current_period_start: number;
    current_period_end: number;
  }
  const itemsOf = (subscription: Stored) => (subscription.items as { data: Item[] }).data;

  const createSession = (form: Fields): Stored => {
    const lines = (form.line_items as Fields[]).map((line) => {
      const data = line.price_data as Fields | undefined;
      const price =
        data === undefined
          ? get(line.price)
          : create("price", "price", { ...data, unit_amount: Number(data.unit_amount), recurring: null });
      return price;
    });
    const isSubscription = form.mode === "subscription";
    const { trial_period_days: trial } = (form.subscription_data ?? {}) as Fields;
    const paid = lines.filter(({ recurring }) => trial === undefined || recurring === null);
    const amount_total = paid.reduce((sum, { unit_amount }) => sum + Number(unit_amount), 0);
    return create("cs", "checkout.session", {
      mode: form.mode,
      customer: form.customer,
      client_reference_id: form.client_reference_id ?? null,
      metadata: form.metadata ?? {},
      amount_total,
      currency: lines[0]?.currency,
      status: "open",
      payment_status: "unpaid",
      url: `https://checkout.stripe.com/c/pay/${last + 1}`,
      expires_at: seconds() + 24 * 3600,
      success_url: form.success_url,
      payment_intent: null,
      subscription: null,
      invoice: null,
      lines,
      isSubscription,
      subscription_data: form.subscription_data ?? {},
    });
  };
  const subscribe = (session: Stored, amount: number, currency: string): void => {
    const data = session.subscription_data as { metadata?: Fields; trial_period_days?: string };
    const start = seconds();
    const trialEnd =
      data.trial_period_days === undefined ? undefined : start + Number(data.trial_period_days) * 86_400;
    const prices = (session.lines as Stored[]).filter(({ recurring }) => recurring !== null);
    const subscription = create("sub", "subscription", {
      customer: session.customer,
      status: trialEnd === undefined ? "active" : "trialing",
      metadata: data.metadata ?? {},
      cancel_at: null,
      cancel_at_period_end: false,
      currency,
      latest_invoice: null,
      items: list(
        prices.map((price) =>
          create("si", "subscription_item", {
            price,
            current_period_start: start,
            current_period_end: trialEnd ?? periodAfter(start, price),
          }),
        ),
      ),
    });
    const invoice = invoiceOf(subscription, amount, "subscription_create", true, currency);
    subscription.latest_invoice = invoice.id;
    session.subscription = subscription.id;
    session.invoice = invoice.id;
  };

  /** By the second, each item for itself, as Stripe's page of prorations has it. */
  const prorations = (subscription: Stored, changes: Fields[], at: number) =>
    changes.flatMap((change) => {
      const item = itemsOf(subscription).find(({ id }) => id === change.id);
      const next = change.price === undefined ? undefined : get(change.price);
      const { current_period_start: start, current_period_end: end } = item ?? itemsOf(subscription)[0]!;
      const rest = (amount: unknown) => Math.round((Number(amount) * (end - at)) / (end - start));
      return [
        ...(item === undefined
          ? []
          : [{ description: `Unused time on ${item.price.id}`, amount: -rest(item.price.unit_amount) }]),
        ...(next === undefined
          ? []
          : [{ description: `Remaining time on ${next.id}`, amount: rest(next.unit_amount) }]),
      ];
    });

  const update = (subscription: Stored, form: Fields): Stored => {
    const changes = (form.items ?? []) as Fields[];
    if (form.proration_behavior === "always_invoice") {
      const lines = prorations(subscription, changes, seconds());
      const amount = lines.reduce((sum, line) => sum + line.amount, 0);
      const declines = declinesOf(subscription.customer);
      if (amount > 0 && declines !== undefined)
        throw new Refusal(402, {
          type: "card_error",
          code: "card_declined",
          decline_code: declines,
          message: `Card of ${API_KEY} declined.`,
        });
      const invoice = invoiceOf(subscription, Math.max(0, amount), "subscription_update", true);
      subscription.latest_invoice = invoice.id;
    }
    for (const change of changes) {
      const item = itemsOf(subscription).find(({ id }) => id === change.id);
      const data = itemsOf(subscription);
      if (item !== undefined && change.deleted === "true") data.splice(data.indexOf(item), 1);
      else if (item !== undefined) item.price = get(change.price);
      else {
        const { current_period_start, current_period_end } = data[0]!;
        const price = get(change.price);
        data.push(
          create("si", "subscription_item", { price, current_period_start, current_period_end }) as Item,
        );
      }
    }
    if (form.metadata !== undefined) Object.assign(subscription.metadata as Fields, form.metadata);
    if (form.cancel_at_period_end !== undefined)
      subscription.cancel_at_period_end = form.cancel_at_period_end === "true";
    if (form.cancel_at === "") subscription.cancel_at = null;
    return subscription;
  };
  const declinesOf = (customer: unknown) =>
    all("payment_method").find((card) => card.customer === customer)?.declines as string | undefined;

  const expanded = (object: Stored, paths: string[]): Stored => {
    const copy: Stored = { ...object };
    for (const path of paths) {
      const [name = "", ...rest] = path.split(".");
      const value = copy[name];
      if (typeof value === "string" && objects.has(value))
        copy[name] = expanded(get(value), rest.length > 0 ? [rest.join(".")] : []);
    }
    return copy;
  };

  const routes: [method: string, path: RegExp, answer: (form: Fields, id: string) => unknown][] = [
    [
      "POST",
      /^customers$/,
      (form) => create("cus", "customer", { ...form, invoice_settings: { default_payment_method: null } }),
    ],
    ["GET", /^customers\/(\w+)$/, (_, id) => get(id)],
    [
      "GET",
      /^customers\/(\w+)\/payment_methods$/,
      (_, id) => list(all("payment_method").filter(({ customer }) => customer === id)),
    ],
    [
      "GET",
      /^prices$/,
      ({ lookup_keys }) =>
        list(all("price").filter(({ lookup_key }) => (lookup_keys as unknown[]).includes(lookup_key))),
    ],
    [
      "POST",
      /^prices$/,
      (form) => {
        const { interval, interval_count } = form.recurring as Fields;
        return create("price", "price", {
          ...form,
          unit_amount: Number(form.unit_amount),
          recurring: { interval, interval_count: Number(interval_count) },
        });
      },
    ],
    ["GET", /^prices\/(\w+)$/, (_, id) => get(id)],
    ["POST", /^checkout\/sessions$/, createSession],
    ["GET", /^checkout\/sessions\/(\w+)$/, (_, id) => get(id)],
    [
      "POST",
      /^checkout\/sessions\/(\w+)\/expire$/,
      (_, id) => Object.assign(get(id), { status: "expired", url: null }),
    ],
    ["GET", /^subscriptions\/(\w+)$/, (_, id) => get(id)],
    ["POST", /^subscriptions\/(\w+)$/, (form, id) => update(get(id), form)],
    ["DELETE", /^subscriptions\/(\w+)$/, (_, id) => Object.assign(get(id), { status: "canceled" })],
    [
      "POST",
      /^invoices\/create_preview$/,
      (form) => {
        const details = form.subscription_details as { items?: Fields[]; proration_date: string };
        const lines = prorations(get(form.subscription), details.items ?? [], Number(details.proration_date));
        return {
          object: "invoice",
          total: lines.reduce((sum, { amount }) => sum + amount, 0),
          lines: { object: "list", data: lines },
        };
      },
    ],
    ["GET", /^invoices\/(\w+)$/, (_, id) => get(id)],
    ["GET", /^payment_intents\/(\w+)$/, (_, id) => get(id)],
    [
      "POST",
      /^payment_intents$/,
      (form) => {
        const declines = declinesOf(form.customer);
        if (declines !== undefined)
          throw new Refusal(402, { type: "card_error", code: "card_declined", decline_code: declines });
        const paid = pay(Number(form.amount), String(form.currency), form.customer);
        return Object.assign(paid, { metadata: form.metadata ?? {}, description: form.description });
      },
    ],
    [
      "GET",
      /^payment_intents$/,
      ({ customer, created }) => {
        const since = Number((created as Fields).gte);
        const own = all("payment_intent").filter((intent) => intent.customer === customer);
        return list(own.filter((intent) => Number(intent.created) >= since));
      },
    ],
    [
      "GET",
      /^disputes$/,
      ({ payment_intent }) => list(all("dispute").filter((each) => each.payment_intent === payment_intent)),
    ],
    [
      "POST",
      /^billing_portal\/sessions$/,
      (form) =>
        create("bps", "billing_portal.session", { ...form, url: "https://billing.stripe.com/p/session/1" }),
    ],
  ];

  const respond = (method: string, path: string, form: Fields, headers: http.IncomingHttpHeaders) => {
    if (headers.authorization !== `Bearer ${API_KEY}`) {
      const message = `Invalid API Key provided: ${String(headers.authorization)}`;
      throw new Refusal(401, { type: "invalid_request_error", message });
    }
    for (const [start, { status, error }] of failures)
      if (path.startsWith(start)) throw new Refusal(status, error);
    for (const [verb, pattern, answer] of routes) {
      const match = verb === method ? pattern.exec(path) : null;
      if (match === null) continue;
      const { expand = [], ...rest } = form as { expand?: string[] };
      const found = answer(rest, match[1] ?? "") as Stored;
      return expanded(found, expand);
    }
    throw new Refusal(404, {
      type: "invalid_request_error",
      message: `Unrecognized request URL (${method}: ${path})`,
    });
  };

  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://localhost");
      const path = url.pathname.replace(/^\/v1\//, "");
      const method = request.method ?? "GET";
      const text = method === "GET" ? url.search.slice(1) : Buffer.concat(chunks).toString();
      requests.push(`${method} ${path}`);
      const key = request.headers["idempotency-key"];
      const isKeyed = method === "POST" && typeof key === "string";
      if (isKeyed) keys.push(key);
      const known = isKeyed ? answered.get(key) : undefined;
      let [status, body] = [200, ""];
      if (known !== undefined && known.request !== path + text) {
        [status, body] = [400, JSON.stringify({ error: { type: "idempotency_error" } })];
      } else if (known !== undefined) {
        [status, body] = [known.status, known.body];
      } else {
        try {
          body = JSON.stringify(respond(method, path, parsed(text), request.headers));
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          [status, body] = [error.status, JSON.stringify({ error: error.error })];
        }
        if (isKeyed && status < 500) answered.set(key, { body, status, request: path + text });
      }
      if (lost.has(`${method} ${path}`)) {
        request.socket.destroy();
        return;
      }
      response.writeHead(status, {
        "content-type": "application/json",
        "request-id": `req_${requests.length}`,
        "stripe-should-retry": "false",
      });
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();

  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    requests,
    keys,
    objects,
    fail: (path, status, error) => failures.set(path, { status, error }),
    loseAnswers: (request) => lost.add(request),
    heal: () => {
      failures.clear();
      lost.clear();
    },
    forgetKeys: () => answered.clear(),
    pay(sessionId, paid = {}) {
      const session = get(sessionId);
      const amount = paid.amount_total ?? Number(session.amount_total);
      const currency = paid.currency ?? String(session.currency);
      const isFree = amount === 0;
      Object.assign(session, { amount_total: amount, currency, status: "complete" });
      session.payment_status = isFree ? "no_payment_required" : "paid";
      if (session.isSubscription === true) subscribe(session, amount, currency);
      else if (!isFree) session.payment_intent = pay(amount, currency, session.customer).id;
      return session;
    },
    complete: (sessionId) => Object.assign(get(sessionId), { status: "complete" }),
    expire: (sessionId) => Object.assign(get(sessionId), { status: "expired" }),
    refund(paymentId, amount) {
      const charge = get(get(paymentId).latest_charge);
      charge.amount_refunded = Number(charge.amount_refunded) + amount;
      return charge;
    },
    dispute: (paymentId, amount, status) =>
      create("dp", "dispute", { payment_intent: paymentId, amount, status }),
    renew(subscriptionId, isPaid = true) {
      const subscription = get(subscriptionId);
      let amount = 0;
      for (const item of itemsOf(subscription)) {
        item.current_period_start = item.current_period_end;
        item.current_period_end = periodAfter(item.current_period_start, item.price);
        amount += Number(item.price.unit_amount);
      }
      subscription.status = isPaid ? "active" : "past_due";
      return invoiceOf(subscription, amount, "subscription_cycle", isPaid);
    },
    set: (id, fields) => Object.assign(get(id), fields),
    addCard: (customer, declines) => {
      create("pm", "payment_method", { customer, type: "card", ...(declines !== undefined && { declines }) });
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly error: Fields,
  ) {
    super("refused");
  }
}

/** `a[b][0]=c` as nested objects and lists. */
function parsed(text: string): Fields {
  const root: Fields = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.split(/[[\]]+/).filter((part) => part !== "");
    let place: Fields = root;
    for (const part of path.slice(0, -1)) place = (place[part] ??= {}) as Fields;
    place[path.at(-1) ?? ""] = value;
  }
  return listed(root) as Fields;
}

function listed(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, listed(each)] as const);
  const isList = entries.length > 0 && entries.every(([key]) => /^\d+$/.test(key));
  return isList ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}

/** An event as Stripe delivers it, signed. */
export async function signed(
  type: string,
  object: Fields,
  secret: string,
  at = Date.now(),
): Promise<{ body: string; headers: Record<string, string> }> {
  const body = JSON.stringify({
    id: `evt_${Math.floor(at / 1000)}_${type}`,
    object: "event",
    type,
    created: Math.floor(at / 1000),
    data: { object },
  });
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload: body,
    secret,
    timestamp: Math.floor(at / 1000),
    cryptoProvider: Stripe.createSubtleCryptoProvider(),
  });
  return { body, headers: { "stripe-signature": signature } };
}
