import { useMutation, useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { api } from "../../../convex/_generated/api.js";
import type { Id } from "../../../convex/_generated/dataModel.js";
import { useScope } from "./account.js";
import { amountOf, messageOf } from "./formats.js";
import { CreditGrants, Meter } from "./Meter.js";
import { OutOf } from "./OutOf.js";
import { hrefOf } from "./route.js";
import { optimisticTrack, useCheck, useCustomer } from "./tally.js";

type Message = FunctionReturnType<typeof api.chat.list>[number];
type Answer = NonNullable<Message["answer"]>;
type Model = Answer["model"];

/** What the server holds before it asks a model: it has the last word, and the page only says it sooner. */
const TOKENS_AHEAD = 20;
const PREMIUM_AHEAD = 0.4;

export function Chat() {
  const scope = useScope();
  const messages = useQuery(api.chat.list, scope);
  const [draft, setDraft] = useState("");
  const [model, setModel] = useState<Model>("basic");
  const isWriting = draft.trim() !== "";
  return (
    <main id="main" className="chat-page" tabIndex={-1}>
      <section className="chat" aria-label="Chat">
        <Messages messages={messages} onSuggest={setDraft} />
        <Composer
          key={scope.workspaceId ?? "own"}
          {...{ draft, setDraft, model, setModel }}
          streaming={messages?.findLast(({ answer }) => answer?.status === "streaming")?.messageId}
        />
      </section>
      <aside className="usage" aria-label="Usage">
        <PlanLine />
        <Meter featureId="messages" pending={isWriting && model === "basic" ? 1 : 0} />
        <Meter featureId="ai_tokens" pending={isWriting && model === "basic" ? TOKENS_AHEAD : 0} />
        <Meter featureId="credits" pending={isWriting && model === "premium" ? 0.04 : 0} />
        <CreditGrants />
      </aside>
    </main>
  );
}

function PlanLine() {
  const { customer } = useCustomer(useScope());
  const main = customer?.products.find(({ is_add_on, status }) => !is_add_on && status !== "scheduled");
  return (
    <div className="plan-line">
      <h2>Usage</h2>
      <span>
        {main ? `${main.name} plan` : "\u00a0"} · <a href={hrefOf("plans")}>Change</a>
      </span>
    </div>
  );
}

const SUGGESTIONS = [
  "What happens when I press Stop?",
  "How is a streamed answer charged?",
  "Why do both tabs show the same meter?",
];

interface MessagesProps {
  messages: Message[] | undefined;
  onSuggest: (text: string) => void;
}

function Messages({ messages, onSuggest }: MessagesProps) {
  const end = useRef<HTMLDivElement>(null);
  const log = useRef<HTMLDivElement>(null);
  const last = messages?.at(-1);
  const length = messages?.length;
  const written = last?.text.length;
  useEffect(() => {
    end.current?.scrollIntoView({ block: "end" });
  }, [length, written]);
  const isShown = length !== undefined && length > 0;
  useEffect(() => {
    if (!isShown || log.current === null) return;
    // A paywall, or a phone's keyboard, takes room from below.
    const resized = new ResizeObserver(() => end.current?.scrollIntoView({ block: "end" }));
    resized.observe(log.current);
    return () => resized.disconnect();
  }, [isShown]);

  if (messages === undefined) {
    return (
      <div className="messages" aria-busy role="status" aria-label="Loading the chat">
        <span className="skeleton bubble user" style={{ width: "40%" }} />
        <span className="skeleton bubble" style={{ width: "70%" }} />
      </div>
    );
  }
  if (messages.length === 0) {
    return (
      <div className="messages empty">
        <h1>Ask something</h1>
        <p>The meters move while the answer is written, in every tab.</p>
        <ul>
          {SUGGESTIONS.map((text) => (
            <li key={text}>
              <button type="button" className="suggestion" onClick={() => onSuggest(text)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      </div>
    );
  }
  return (
    <div className="messages" ref={log} tabIndex={0} role="log" aria-label="Messages">
      <h1 className="visually-hidden">Chat</h1>
      {messages.map((message) => (
        <MessageView key={message.messageId} message={message} />
      ))}
      <div ref={end} />
    </div>
  );
}

function MessageView({ message: { author, name, text, answer } }: { message: Message }) {
  return (
    <article className={`message ${author}`} data-status={answer?.status}>
      <p className="message-author">
        {author === "user" ? (name ?? "You") : answer?.model === "premium" ? "Premium model" : "Basic model"}
      </p>
      <p className="message-text">
        {text}
        {answer?.status === "streaming" && (
          <span className="caret" aria-label="is being written" role="img" />
        )}
      </p>
      {answer !== undefined && <p className="message-cost">{costOf(answer)}</p>}
    </article>
  );
}

function costOf({ model, status, tokens }: Answer): string {
  const cost = model === "premium" ? `${amountOf("credits", tokens / 500)} of credits` : `${tokens} tokens`;
  switch (status) {
    case "streaming":
      return cost;
    case "done":
      return cost;
    case "stopped":
      return `Stopped. Charged for what is written: ${cost}`;
    case "cut_off":
      return `Too few ${model === "premium" ? "credits" : "tokens"} to go on. Charged for what is written: ${cost}`;
    case "failed":
      return `The model broke off. Charged for what is written: ${cost}`;
  }
}

interface ComposerProps {
  draft: string;
  setDraft: (text: string) => void;
  model: Model;
  setModel: (model: Model) => void;
  /** The answer that is being written. */
  streaming: Id<"messages"> | undefined;
}

function Composer({ draft, setDraft, model, setModel, streaming }: ComposerProps) {
  const scope = useScope();
  const [problem, setProblem] = useState<string>();
  const input = useRef<HTMLTextAreaElement>(null);
  const ask = useMutation(api.answers.ask).withOptimisticUpdate((store, args) => {
    if (args.model !== "basic") return;
    const { workspaceId } = args;
    optimisticTrack(store, { featureId: "messages", onInsufficient: "reject", workspaceId });
  });
  const stop = useMutation(api.answers.stop);
  const missing = useMissing(model);
  const canSend = missing === null && draft.trim() !== "" && streaming === undefined;

  const send = async (event?: FormEvent) => {
    event?.preventDefault();
    if (!canSend) return;
    const text = draft;
    setDraft("");
    setProblem(undefined);
    input.current?.focus();
    try {
      await ask({ ...scope, model, text });
    } catch (error) {
      setDraft(text);
      setProblem(messageOf(error));
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };

  return (
    <div className="composer">
      {missing !== null && missing !== undefined && <OutOf model={model} featureId={missing} />}
      <form onSubmit={(event) => void send(event)}>
        <label className="visually-hidden" htmlFor="draft">
          Message
        </label>
        <textarea
          id="draft"
          ref={input}
          rows={2}
          maxLength={2_000}
          placeholder="Write a message"
          value={draft}
          onChange={({ target }) => setDraft(target.value)}
          onKeyDown={onKeyDown}
        />
        <div className="composer-row">
          <fieldset className="models">
            <legend className="visually-hidden">Model</legend>
            <ModelChoice model="basic" chosen={model} onChoose={setModel} label="Basic" cost="1 message" />
            <ModelChoice model="premium" chosen={model} onChoose={setModel} label="Premium" cost="credits" />
          </fieldset>
          {streaming === undefined ? (
            <button type="submit" className="button primary" disabled={!canSend}>
              Send
            </button>
          ) : (
            <button
              type="button"
              className="button stop"
              onClick={() =>
                void stop({ ...scope, messageId: streaming }).catch((error) => setProblem(messageOf(error)))
              }
            >
              Stop
            </button>
          )}
        </div>
      </form>
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

export type MissingFeature = "messages" | "ai_tokens" | "premium_model";

/** What is missing for an answer of `model`: null for nothing, undefined while it is not known. */
function useMissing(model: Model): MissingFeature | null | undefined {
  const scope = useScope();
  const messages = useCheck({ featureId: "messages", ...scope });
  const tokens = useCheck({ featureId: "ai_tokens", requiredBalance: TOKENS_AHEAD, ...scope });
  const premium = useCheck({ featureId: "premium_model", requiredBalance: PREMIUM_AHEAD, ...scope });
  if (messages == null || tokens == null || premium == null) return undefined;
  if (model === "premium") return premium.allowed ? null : "premium_model";
  if (!messages.allowed) return "messages";
  return tokens.allowed ? null : "ai_tokens";
}

interface ModelChoiceProps {
  model: Model;
  chosen: Model;
  onChoose: (model: Model) => void;
  label: string;
  cost: string;
}

function ModelChoice({ model, chosen, onChoose, label, cost }: ModelChoiceProps) {
  return (
    <label className="model">
      <input
        type="radio"
        name="model"
        value={model}
        checked={model === chosen}
        onChange={() => onChoose(model)}
      />
      <span>
        {label} <span className="model-cost">{cost}</span>
      </span>
    </label>
  );
}
