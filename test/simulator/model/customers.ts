/** Customers: how they begin, and go. */
import { startDefaults } from "./plans.js";
import { assertEntity, Refusal, type Customer, type World } from "./world.js";

/** The customer, begun with the default plans if he is new; an entity that is named, he must have. */
export function openCustomer(world: World, id: string, entity: string | null): Customer {
  const known = world.customers.get(id);
  if (known !== undefined) {
    assertEntity(known, entity);
    return known;
  }
  if (entity !== null) throw new Refusal("entity_not_found");
  const customer: Customer = {
    id,
    lastSerial: 0,
    entities: [],
    pots: [],
    controls: [],
    subscriptions: [],
    uses: [],
    holds: [],
    books: new Map(),
    rows: new Set(),
    departed: new Map(),
  };
  world.customers.set(id, customer);
  startDefaults(world, customer);
  return customer;
}

export function removeCustomer(world: World, id: string): void {
  if (!world.customers.delete(id)) throw new Refusal("customer_not_found");
  world.charges = world.charges.filter(({ customer }) => customer !== id);
}
