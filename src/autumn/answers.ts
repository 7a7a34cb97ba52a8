/** What the drop-in answers: data as Autumn 1.2 shapes it, in its own names; times in milliseconds, money in whole units. */

/** Of every call: `data`, or `error` with a stable code. */
export type Result<Data> =
  | { data: Data; error: null; statusCode: number }
  | { data: null; error: { message: string; code: string }; statusCode: number }
  /** Nobody is signed in, where a caller has said that this is no error. */
  | { data: null; error: null; statusCode: 202 };

type Scalar = string | number | boolean | null;
export type Env = "sandbox" | "live";

/** What is left of a feature: 0 of everything where nothing is counted, as for what is unlimited or only had. */
export interface Usage {
  unlimited: boolean;
  /** Below 0 in overage. */
  balance: number;
  usage: number;
  included_usage: number;
  interval: string | null;
  interval_count: number | null;
  next_reset_at: number | null;
  overage_allowed: boolean;
  usage_limit?: number;
  credit_schema?: { feature_id: string; credit_amount: number }[] | null;
}

/** Of a feature; what is left is there if the customer has it. Of a product: `product_id` and `status`. */
export interface Checked extends Partial<Usage> {
  allowed: boolean;
  code: string;
  customer_id: string;
  feature_id?: string;
  product_id?: string;
  status?: string;
  entity_id?: string | null;
  required_balance?: number;
}

export interface Recorded {
  id: string;
  code: string;
  customer_id: string;
  feature_id?: string | null;
  event_name?: string | null;
  entity_id?: string | null;
}

export interface Attached {
  success: boolean;
  customer_id: string;
  product_ids: string[];
  /** Such as `checkout_created`, `new_product_attached`, `upgraded_to_new_product`, `downgrade_scheduled`. */
  code: string;
  message: string;
  /** Where to pay, if that is left to do. */
  checkout_url?: string | null;
}

export interface CheckedOut {
  /** Where to pay; absent if it can be attached as it is. */
  url?: string | null;
  customer_id: string;
  lines: { description: string; amount: number }[];
  product: Product | null;
  current_product: Product | null;
  options: { feature_id: string; quantity: number }[];
  total: number;
  currency: string;
  has_prorations: boolean;
  next_cycle?: { starts_at: number; total: number } | null;
}

export interface Cancelled {
  success: boolean;
  customer_id: string;
  product_id: string;
}

/** A page of the payment provider's. */
export interface Opened {
  customer_id: string;
  url: string;
}

export interface ProductItem {
  type: "price" | "feature" | "priced_feature";
  feature_id: string | null;
  included_usage?: number | "inf" | null;
  interval?: string | null;
  interval_count?: number | null;
  price?: number | null;
  tiers?: { to: number | "inf"; amount: number }[] | null;
  usage_model?: "prepaid" | "pay_per_use" | null;
  billing_units?: number | null;
}

export interface Product {
  id: string;
  name: string | null;
  group: string | null;
  env: Env;
  is_add_on: boolean;
  is_default: boolean;
  archived: boolean;
  version: number;
  created_at: number;
  items: ProductItem[];
  /** What it is to the customer who asks: `new`, `active`, `upgrade`, `downgrade`, … */
  scenario?: string;
  properties: { is_free: boolean; is_one_off: boolean; has_trial: boolean };
}

/** A product that a customer has. */
export interface CustomerProduct {
  id: string;
  name: string | null;
  group: string | null;
  status: "active" | "expired" | "scheduled" | "trialing" | "past_due";
  started_at: number;
  canceled_at: number | null;
  current_period_start?: number | null;
  current_period_end?: number | null;
  is_default: boolean;
  is_add_on: boolean;
  version: number;
  items: ProductItem[];
  quantity?: number;
}

export interface CustomerFeature extends Usage {
  id: string;
  name: string;
  type: "static" | "single_use" | "continuous_use";
}

export interface Customer {
  id: string | null;
  created_at: number;
  name: string | null;
  email: string | null;
  fingerprint: string | null;
  stripe_id: string | null;
  env: Env;
  metadata: Record<string, Scalar>;
  products: CustomerProduct[];
  features: Record<string, CustomerFeature>;
}

export interface Entity {
  id: string;
  name: string | null;
  customer_id: string;
  feature_id?: string | null;
  created_at: number;
  env: Env;
  products: CustomerProduct[];
  features: Record<string, CustomerFeature>;
}

export interface ListedEvents {
  list: {
    id: string;
    timestamp: number;
    feature_id: string;
    customer_id: string;
    value: number;
    properties: Record<string, Scalar>;
  }[];
  total: number;
  has_more: boolean;
  offset: number;
  limit: number;
}

/** Sums by period: `{ period, <featureId>: sum }`. */
export interface Aggregated {
  list: Record<string, number>[];
  total?: Record<string, { count: number; sum: number }>;
}

export interface Succeeded {
  success: boolean;
}

/** By the name of the call that answers with it. */
export interface Answers {
  track: Recorded;
  check: Checked;
  attach: Attached;
  checkout: CheckedOut;
  createCustomer: Customer;
  listProducts: { list: Product[] };
  usage: Succeeded;
  query: Aggregated;
  cancel: Cancelled;
  setupPayment: Opened;
  billingPortal: Opened;
  createReferralCode: { code: string; customer_id: string; created_at: number };
  redeemReferralCode: { id: string; customer_id: string; reward_id: string };
  createEntity: Entity | Succeeded;
  getEntity: Entity;
  listEvents: ListedEvents;
  aggregateEvents: Aggregated;
}
