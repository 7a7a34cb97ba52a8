/** The model that the README's functions call. */
export const complete = async (prompt: string) => ({ text: prompt.toUpperCase(), tokens: prompt.length });
