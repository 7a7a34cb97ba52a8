/** Environment variables, which tell when they change. */
export class Variables extends Map<string, string> {
  private readonly changed?: () => void;

  constructor(entries: Record<string, string>, changed: () => void) {
    super(Object.entries(entries));
    this.changed = changed;
  }

  override set(name: string, value: string): this {
    super.set(name, value);
    // Not yet set while the first ones come in.
    this.changed?.();
    return this;
  }

  override delete(name: string): boolean {
    const was = super.delete(name);
    if (was) this.changed?.();
    return was;
  }

  override clear(): void {
    super.clear();
    this.changed?.();
  }
}
