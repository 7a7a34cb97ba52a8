/** Stands in for a language model: answers, and says how many tokens it took. */
export interface Completion {
  text: string;
  tokens: number;
}

export async function complete(prompt: string): Promise<Completion> {
  if (prompt.includes("[fail]")) throw new Error("The model is not available.");
  const text = `You said: ${prompt}`;
  return { text, tokens: Math.ceil((prompt.length + text.length) / 4) };
}
