/** What calls that use something have in common: their properties, and whom they bring along. */
import { z } from "zod";
import { isTallyError } from "../../core/errors.js";
import type { Properties } from "../../core/arguments.js";
import { canMutate } from "../../client/contexts.js";
import { id, optional, type Call } from "../operations.js";

export const propertiesField = optional(z.record(z.string(), z.unknown()));

/** Tally keeps flat values; what is deeper, clients' own JSON, is kept as its text. */
export function propertiesOf(given: Record<string, unknown> | undefined): Properties | undefined {
  const entries = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      typeof value === "object" && value !== null ? JSON.stringify(value) : value,
    ]),
  ) as Properties;
}

/** Who is to be begun if he is not there yet: Autumn's, by which older clients name a customer and an entity. */
export const provisionFields = {
  customer_data: optional(z.object({ name: optional(z.string()), email: optional(z.string()) })),
  entity_data: optional(z.object({ feature_id: optional(id), name: optional(z.string()) })),
};

interface Provisioning {
  customer_id: string;
  entity_id?: string;
  customer_data?: { name?: string; email?: string };
  entity_data?: { feature_id?: string; name?: string };
}

/** Runs `use`; where it brings along who he is, a customer or an entity that is not there is begun before. */
export async function provisioned<T>(call: Call, body: Provisioning, use: () => Promise<T>): Promise<T> {
  const { ctx, tally } = call;
  const { customer_id: customerId, entity_id: entityId, customer_data: customer, entity_data: entity } = body;
  if (!canMutate(ctx)) return await use();
  const isNamed = customer?.name !== undefined || customer?.email !== undefined;
  if (isNamed && (await tally.customers.get(ctx, { customerId })) === null) {
    await tally.customers.create(ctx, { customerId, ...customer });
  }
  try {
    return await use();
  } catch (error) {
    if (entityId === undefined || entity?.feature_id === undefined) throw error;
    if (!isTallyError(error, "entity_not_found")) throw error;
    const { feature_id: featureId, name } = entity;
    await tally.entities.create(ctx, {
      customerId,
      entityId,
      featureId,
      ...(name !== undefined && { name }),
    });
    return await use();
  }
}
