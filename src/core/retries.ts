/** When a payment is asked for again that nobody has made yet. */

const HOUR_MS = 60 * 60_000;

/**
 * After `declined` refusals. At most 13 times in 30 days: card networks fine whoever asks for the same payment
 * more than 15 times.
 */
export const afterRefusal = (declined: number, now: number): number =>
  now + Math.min(6 * HOUR_MS * 2 ** (declined - 1), 72 * HOUR_MS);

/**
 * After asking `tries` times without an answer: longer than any request takes, so that no two are under way
 * at once, and often enough within the day for which providers remember a key.
 */
export const afterSilence = (tries: number, now: number): number =>
  now + Math.min((HOUR_MS / 6) * 2 ** (tries - 1), 6 * HOUR_MS);
