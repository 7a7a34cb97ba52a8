/** Stands in for language models: answers, says how many tokens that took, and needs no network. */
import { v, type Infer } from "convex/values";

export const modelValidator = v.union(v.literal("basic"), v.literal("premium"));
export type Model = Infer<typeof modelValidator>;

/** `cut_off`: the allowance ended before the answer did. */
export const answerValidator = v.object({
  model: modelValidator,
  status: v.union(
    v.literal("streaming"),
    v.literal("done"),
    v.literal("stopped"),
    v.literal("cut_off"),
    v.literal("failed"),
  ),
  /** Those of the words that are there: what is charged, whatever becomes of the rest. */
  tokens: v.number(),
  /** Those that are paid for in advance. */
  held: v.number(),
});

export interface Completion {
  text: string;
  tokens: number;
}

export async function complete(prompt: string): Promise<Completion> {
  if (prompt.includes("[fail]")) throw new Error("The model is not available.");
  const text = `You said: ${prompt}`;
  return { text, tokens: Math.ceil((prompt.length + text.length) / 4) };
}

/** As long as real ones take, about. */
const PAUSE_MS = 50;
const WORDS_AT_ONCE = 4;

/** The same a few words at a time. A prompt with `[fail]` makes it break off midway. */
export async function* streamed(model: Model, prompt: string): AsyncGenerator<string> {
  const words = answerTo(model, prompt).split(/(?<= )/);
  for (let at = 0; at < words.length; at += WORDS_AT_ONCE) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (at > 11 && prompt.includes("[fail]")) throw new Error("The model has stopped answering.");
    yield words.slice(at, at + WORDS_AT_ONCE).join("");
  }
}

export const tokensOf = (text: string): number => Math.ceil(text.length / 4);

function answerTo(model: Model, prompt: string): string {
  const topic = prompt.length <= 80 ? prompt : `${prompt.slice(0, 80)}…`;
  const opening = `You asked: “${topic}” I am a stand-in for a ${model} model, so I cannot know; but I can say what happens while you read this. `;
  return opening + explanations[model];
}

const explanations: Record<Model, string> = {
  basic:
    "Every few words, one transaction stores the text and notes the tokens that it took. The meter beside this chat is a query, so it moves in each tab that shows it. Press Stop, and you pay for the words that you can see and for none that you cannot.",
  premium:
    "This answer is paid in dollars of AI credits: ten cents for each fifty tokens, from the monthly credits first and from bought ones then. A few words ahead are held before they are written, so that two tabs at once can never spend the same cent. Should the credits end in the middle of a sentence, the answer ends there as well. Nothing is owed, nothing is given away, and the history of your account shows each draw.",
};
