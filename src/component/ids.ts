/** Numbers a customer's grants (`g`) and subscriptions (`s`): short ids that are never reused. */
export class IdSource {
  constructor(public last: number) {}

  next(kind: "g" | "s"): string {
    this.last += 1;
    return kind + String(this.last).padStart(4, "0");
  }
}
