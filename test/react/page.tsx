import { act, cleanup, render, renderHook } from "@testing-library/react";
import { ConvexProvider } from "convex/react";
import type { ReactNode } from "react";
import { afterEach } from "vitest";
import { createTallyReact } from "../../src/react/index.js";
import { api, deployed } from "./app.js";
import { Backend } from "./backend.js";

const backends = new Set<Backend>();

afterEach(async () => {
  cleanup();
  for (const backend of backends) await backend.close();
  backends.clear();
});

/** A deployment of the app, and a page of it. */
export function page() {
  const backend = new Backend(deployed());
  backends.add(backend);
  const client = backend.client();
  const react = createTallyReact(api.billing);
  const wrapper = ({ children }: { children: ReactNode }) => (
    <ConvexProvider client={client}>{children}</ConvexProvider>
  );
  return {
    ...react,
    backend,
    client,
    wrapper,
    /** Everything has come, and is shown. */
    settled: () => act(() => backend.idle()),
    /** As another device, or a job, would: the page hears of it. */
    elsewhere: async <T,>(work: (t: Backend["t"]) => Promise<T>): Promise<T> => {
      const result = await work(backend.t);
      await act(() => backend.refresh());
      return result;
    },
    show: async (content: ReactNode) => {
      const shown = render(content, { wrapper });
      await act(() => backend.idle());
      return shown;
    },
    hook: async <T,>(use: () => T) => {
      const { result, ...rest } = renderHook(use, { wrapper });
      const first = result.current;
      await act(() => backend.idle());
      return { result, first, ...rest };
    },
  };
}
