/** Customers and their entities: how they begin. */
import { featureOf } from "../terms.js";
import { openOf, potOf, startDefaults } from "./plans.js";
import { addPot, assertEntity, Refusal, type Customer, type World } from "./world.js";

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
  };
  world.customers.set(id, customer);
  startDefaults(world, customer);
  return customer;
}

/** Adds an entity, with what the customer's plans give to each of its kind; one that is there stays. */
export function createEntity(world: World, customerId: string, entity: string, feature: string): boolean {
  if (featureOf(world.terms, feature).kind !== "held") throw new Refusal("invalid_argument");
  const customer = openCustomer(world, customerId, null);
  if (customer.entities.some(({ id }) => id === entity)) return false;
  customer.entities.push({ id: entity, feature });
  const open = openOf(world, customer).filter((each) => each.entity === null);
  for (const held of open) {
    for (const item of held.terms.items.filter((each) => each.entityFeature === feature)) {
      const pot = potOf(world, customer, held.terms, item, {
        source: String(held.serial),
        starts: held.starts,
        ends: held.ends,
        anchor: held.anchor,
        quantities: held.quantities,
      });
      addPot(customer, { ...pot, entity, perEntity: true });
    }
  }
  return true;
}

export function removeCustomer(world: World, id: string): void {
  if (!world.customers.delete(id)) throw new Refusal("customer_not_found");
  world.charges = world.charges.filter(({ customer }) => customer !== id);
}
