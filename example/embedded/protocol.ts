import type { UserIdentity } from "convex/server";
import type { JSONValue } from "convex/values";

/**
 * The messages of Convex's WebSocket protocol (convex/src/browser/sync/protocol.ts).
 * A client holds a version of three numbers, and takes each transition from it alone.
 */
export interface StateVersion {
  /** Counts changes of what the client subscribes to. */
  querySet: number;
  /** Counts changes of who he is. */
  identity: number;
  /** Of the snapshot that all results are from. */
  ts: bigint;
}

export interface AddQuery {
  type: "Add";
  queryId: number;
  udfPath: string;
  args: JSONValue[];
  journal?: string | null;
  componentPath?: string;
}

interface FunctionRequest {
  requestId: number;
  udfPath: string;
  args: JSONValue[];
  componentPath?: string;
}

export type ClientMessage =
  | { type: "Connect"; sessionId: string }
  | {
      type: "ModifyQuerySet";
      baseVersion: number;
      newVersion: number;
      modifications: (AddQuery | { type: "Remove"; queryId: number })[];
    }
  | MutationRequest
  | ActionRequest
  | Authenticate
  | { type: "Event" };

export type MutationRequest = { type: "Mutation" } & FunctionRequest;
export type ActionRequest = { type: "Action" } & FunctionRequest;

export type Authenticate = { type: "Authenticate"; baseVersion: number } & (
  | { tokenType: "User"; value: string }
  | { tokenType: "Admin"; value: string; impersonating?: UserIdentity }
  | { tokenType: "None" }
);

interface Told {
  logLines: string[];
}

interface Failure extends Told {
  errorData?: JSONValue;
}

export type StateModification =
  | ({ type: "QueryUpdated"; queryId: number; value: JSONValue; journal: string | null } & Told)
  | ({ type: "QueryFailed"; queryId: number; errorMessage: string; journal: string | null } & Failure)
  | { type: "QueryRemoved"; queryId: number };

interface EncodedVersion {
  querySet: number;
  identity: number;
  ts: string;
}

export type ServerMessage =
  | {
      type: "Transition";
      startVersion: EncodedVersion;
      endVersion: EncodedVersion;
      modifications: StateModification[];
    }
  | ({ type: "MutationResponse"; requestId: number; success: true; result: JSONValue; ts: string } & Told)
  | ({ type: "ActionResponse"; requestId: number; success: true; result: JSONValue } & Told)
  | ({
      type: "MutationResponse" | "ActionResponse";
      requestId: number;
      success: false;
      result: string;
    } & Failure)
  | { type: "AuthError"; error: string; baseVersion: number; authUpdateAttempted: boolean }
  | { type: "FatalError"; error: string }
  | { type: "Ping" };

export function transition(
  from: StateVersion,
  to: StateVersion,
  modifications: StateModification[],
): ServerMessage {
  return { type: "Transition", startVersion: encoded(from), endVersion: encoded(to), modifications };
}

/** As eight bytes, the lowest first. */
export function encodedTs(ts: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(ts);
  return bytes.toString("base64");
}

function encoded({ querySet, identity, ts }: StateVersion): EncodedVersion {
  return { querySet, identity, ts: encodedTs(ts) };
}
