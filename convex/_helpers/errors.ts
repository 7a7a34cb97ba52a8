import { ConvexError } from "convex/values";

export type AppErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "USAGE_EXCEEDED"
  | "FEATURE_NOT_AVAILABLE"
  | "INVALID_INPUT";

/** An error that the page shows: its code decides what it offers, such as an upgrade. */
export class AppError extends ConvexError<{ code: AppErrorCode; message: string }> {
  constructor(code: AppErrorCode, message: string) {
    super({ code, message });
    this.name = "AppError";
  }
}
