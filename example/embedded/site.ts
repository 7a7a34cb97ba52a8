import type { IncomingMessage, ServerResponse } from "node:http";
import type { UserIdentity } from "convex/server";
import type { Authentication } from "./auth.js";
import type { Engine, Log } from "./engine.js";
import { assertLocalHost, bodyOf, replyError, REQUEST_BYTES } from "./requests.js";

interface SiteServices {
  engine: Engine;
  authentication: Authentication;
  log: Log;
}

/** The app's HTTP actions: the request reaches them as it came, its body byte for byte. */
export class Site {
  constructor(private readonly services: SiteServices) {}

  /** @param path with its query, as the app's router sees it */
  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const { engine, log } = this.services;
    try {
      assertLocalHost(request);
      const { method = "GET" } = request;
      const body = await bodyOf(request, REQUEST_BYTES);
      const answer = await engine.fetch(
        path,
        {
          method,
          headers: headersOf(request),
          ...(method === "GET" || method === "HEAD" ? {} : { body: new Uint8Array(body) }),
        },
        await this.identityOf(request),
      );
      for (const [name, value] of answer.headers) response.appendHeader(name, value);
      response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
    } catch (error) {
      replyError(response, error, log);
    }
  }

  /** The header may be another service's, which signs its requests in its own way. */
  private async identityOf({ headers }: IncomingMessage): Promise<UserIdentity | null> {
    try {
      return (await this.services.authentication.ofHeader(headers.authorization)).identity;
    } catch {
      return null;
    }
  }
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
  return headers;
}
