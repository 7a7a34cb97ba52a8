/** What a client is told in the stead of an answer. */
export class Refusal extends Error {
  constructor(
    /** HTTP's. */
    readonly status: number,
    /** Convex's name for the reason; its clients and its CLI know some of them. */
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "Refusal";
  }
}
