/** A case asks for what has no verb here: it fails, unless it is listed for that reason. */
export class NoVerb extends Error {}
