/** The model that the README's functions call. */
export const complete = async (prompt: string) => ({ text: prompt.toUpperCase(), tokens: prompt.length });

export async function* tokensOf(prompt: string) {
  for (const token of prompt.split(" ")) yield token;
}
