import { createContext, useContext } from "react";
import type { FunctionReturnType } from "convex/server";
import type { api } from "../../../convex/_generated/api.js";
import type { Id } from "../../../convex/_generated/dataModel.js";

/** Whose account the page is about: the user's own, or a workspace's. The server looks whether he may. */
export type Scope = { workspaceId?: Id<"workspaces"> };

export type Workspace = FunctionReturnType<typeof api.workspaces.mine>[number];

export const ScopeContext = createContext<Scope>({});
export const useScope = (): Scope => useContext(ScopeContext);
