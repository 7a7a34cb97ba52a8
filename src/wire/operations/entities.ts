/** Parts of customers, with what each can draw on. */
import { z } from "zod";
import { shown } from "../../core/errors.js";
import { assertControls, controlsField, setControls } from "../controls.js";
import { failureOf, WireError } from "../failures.js";
import { id, operation, optional, type Call, type Json } from "../operations.js";
import { currentEntity, legacyEntity, type EntityAccount, type Expand } from "../shapes/accounts.js";
import { expandField, expandOf, filterFields, filterOf, pageFields, pages } from "./customers.js";
import { provisioned, provisionFields } from "./provisions.js";

const entityFields = {
  entity_id: id,
  feature_id: id,
  name: optional(z.string()),
  billing_controls: controlsField,
  customer_data: provisionFields.customer_data,
};
const oneBody = z.object({ customer_id: id, ...entityFields });
/** Of several, each names the customer: the same one. */
const createBody = z.union([oneBody, z.array(oneBody).min(1).max(100)]);
type OneBody = z.output<typeof oneBody>;

interface Answered {
  entities: EntityAccount[];
  isList: boolean;
  expand: Expand;
}

/** Adds a part to a customer, or several one after the other. Throws `entity_already_exists`, with nothing changed. */
export const create = operation({
  body: createBody,
  run: async (call: Call, body: z.output<typeof createBody>): Promise<Answered> => {
    const all = [body].flat();
    for (const each of all) await assertNew(call, each);
    assertDistinct(all);
    for (const [index, each] of all.entries()) await createOne(call, each, index);
    const entities: EntityAccount[] = [];
    for (const { customer_id: customerId, entity_id: entityId } of all)
      entities.push(await knownEntity(call, { customerId, entityId }));
    return { entities, isList: Array.isArray(body), expand: new Set() };
  },
  current: ({ entities, isList, expand }, call) =>
    listOrOne(
      entities.map((entity) => currentEntity(entity, call, expand)),
      isList,
    ),
  legacy: ({ entities, isList, expand }, call) =>
    listOrOne(
      entities.map((entity) => ({ success: true, ...legacyEntity(entity, call, expand) })),
      isList,
    ),
});

function listOrOne(shapes: Json[], isList: boolean): Json {
  const [only = null] = shapes;
  return isList ? { success: true, list: shapes } : only;
}

async function assertNew(call: Call, body: OneBody): Promise<void> {
  const { ctx, tally } = call;
  const { customer_id: customerId, entity_id: entityId, feature_id: featureId } = body;
  tally.catalog.feature(featureId);
  if (body.billing_controls !== undefined) assertControls(call, body.billing_controls);
  if ((await tally.entities.get(ctx, { customerId, entityId })) !== null)
    throw alreadyThere(customerId, entityId);
}

function assertDistinct(all: readonly OneBody[]): void {
  const names = all.map(({ customer_id: customerId, entity_id: entityId }) =>
    JSON.stringify([customerId, entityId]),
  );
  if (new Set(names).size === names.length) return;
  throw new WireError(400, "invalid_inputs", "Two of the entities have the same id. Nothing was changed.");
}

const alreadyThere = (customerId: string, entityId: string): WireError =>
  new WireError(
    409,
    "entity_already_exists",
    `Customer ${shown(customerId)} has an entity ${shown(entityId)} already. Nothing was changed.`,
  );

async function createOne(call: Call, body: OneBody, index: number): Promise<void> {
  const { customer_id: customerId, entity_id: entityId, feature_id: featureId, name } = body;
  try {
    const { created } = await provisioned(call, { ...body, entity_id: undefined }, async () =>
      call.tally.entities.create(call.ctx, {
        customerId,
        entityId,
        featureId,
        ...(name !== undefined && { name }),
      }),
    );
    if (!created) throw alreadyThere(customerId, entityId);
    await setControls(call, { customerId, entityId }, body.billing_controls, []);
  } catch (error) {
    if (index === 0) throw error;
    const { status, code, message, headers } = failureOf(error);
    throw new WireError(
      status,
      code,
      `Entity ${shown(entityId)}: ${message} The ${index} before it are there.`,
      headers,
    );
  }
}

const getBody = z.object({ customer_id: optional(id), entity_id: id, expand: expandField });

const shapes = {
  current: ({ entity, expand }: { entity: EntityAccount; expand: Expand }, call: Call): Json =>
    currentEntity(entity, call, expand),
  legacy: ({ entity, expand }: { entity: EntityAccount; expand: Expand }, call: Call): Json =>
    legacyEntity(entity, call, expand),
};

export const get = operation({
  body: getBody,
  run: async (call: Call, body: z.output<typeof getBody>) => ({
    entity: await knownEntity(call, await ownerOf(call, body)),
    expand: expandOf(body.expand),
  }),
  ...shapes,
});

const updateBody = z.object({ customer_id: optional(id), entity_id: id, billing_controls: controlsField });

/** Changes an entity's own limits. */
export const update = operation({
  body: updateBody,
  run: async (call: Call, body: z.output<typeof updateBody>) => {
    const { billing_controls: controls } = body;
    if (controls !== undefined) assertControls(call, controls);
    const named = await ownerOf(call, body);
    const { balances } = await knownEntity(call, named);
    await setControls(call, named, controls, balances);
    return { entity: await knownEntity(call, named), expand: expandOf([]) };
  },
  ...shapes,
});

const deleteBody = z.object({ customer_id: optional(id), entity_id: id });

/** Removes a part of a customer; its seat goes back to whom it was taken from. */
export const remove = operation({
  body: deleteBody,
  run: async (call: Call, body: z.output<typeof deleteBody>) => {
    await call.tally.entities.remove(call.ctx, await ownerOf(call, body));
  },
  current: () => ({ success: true }),
});

const listBody = z.object({
  customer_id: optional(id),
  ...pageFields,
  ...filterFields,
  processors: optional(z.array(z.string())),
});

/** Entities by customer and id. */
export const list = operation({
  body: listBody,
  run: async (call: Call, body: z.output<typeof listBody>) => {
    const { ctx, tally } = call;
    const { limit = 50, start_cursor: start, customer_id: customerId } = body;
    if (body.processors !== undefined) {
      throw new WireError(
        400,
        "not_supported",
        "processors is not supported. Look for customers in the payment provider's dashboard.",
      );
    }
    const from = start === undefined || start === "" ? null : start;
    const featureIds = [...tally.catalog.features.keys()];
    return await pages(limit, from, (cursor, size) =>
      ctx.runQuery(tally.component.accounts.entities, {
        cursor,
        limit: size,
        featureIds,
        ...(customerId !== undefined && { customerId }),
        ...filterOf(body),
      }),
    );
  },
  current: ({ page, cursor }, call) => ({
    list: page.map((entity) => currentEntity(entity, call, new Set())),
    next_cursor: cursor,
    has_more: cursor !== null,
  }),
  legacy: ({ page, cursor }, call) => ({
    list: page.map((entity) => legacyEntity(entity, call, new Set())),
    next_cursor: cursor,
    has_more: cursor !== null,
  }),
});

interface Named {
  customerId: string;
  entityId: string;
}

/** Whose entity it is: where nobody is named, the one customer's who has one of that id. */
async function ownerOf(
  { ctx, tally }: Call,
  { customer_id: given, entity_id: entityId }: { customer_id?: string; entity_id: string },
): Promise<Named> {
  if (given !== undefined) return { customerId: given, entityId };
  const [customerId, another] = await ctx.runQuery(tally.component.accounts.ownersOf, { entityId });
  if (customerId === undefined) throw notFound(entityId);
  if (another === undefined) return { customerId, entityId };
  throw new WireError(
    400,
    "invalid_inputs",
    `Several customers have an entity ${shown(entityId)}: say whose by customer_id. Nothing was changed.`,
  );
}

async function knownEntity({ ctx, tally }: Call, named: Named): Promise<EntityAccount> {
  const featureIds = [...tally.catalog.features.keys()];
  const entity = await ctx.runQuery(tally.component.accounts.entity, { ...named, featureIds });
  if (entity === null) throw notFound(named.entityId);
  return entity;
}

const notFound = (entityId: string): WireError =>
  new WireError(404, "entity_not_found", `There is no entity ${shown(entityId)}. Create it first.`);

export const entityOperations = {
  "entities.create": create,
  "entities.get": get,
  "entities.update": update,
  "entities.delete": remove,
  "entities.list": list,
};
