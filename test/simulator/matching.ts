/** Which grant of the deployment is which pot of the model: found once, and the same ever after. */
export class Matching {
  private readonly ids = new Map<string, string>();
  private readonly serials = new Map<string, number>();

  /** Says that they are the same. Answers what is wrong with that, if anything. */
  match(customer: string, serial: number, id: string): string | null {
    const [known, other] = [this.ids.get(`${customer} ${serial}`), this.serials.get(`${customer} ${id}`)];
    if (known === undefined && other === undefined) {
      this.ids.set(`${customer} ${serial}`, id);
      this.serials.set(`${customer} ${id}`, serial);
      return null;
    }
    return known === id ? null : `pot ${serial} was grant ${known}, and ${id} was pot ${other}`;
  }

  idOf(customer: string, serial: number): string | undefined {
    return this.ids.get(`${customer} ${serial}`);
  }

  serialOf(customer: string, id: string): number | undefined {
    return this.serials.get(`${customer} ${id}`);
  }

  /** A customer who is removed takes his ids with him. */
  forget(customer: string): void {
    for (const map of [this.ids, this.serials])
      for (const key of map.keys()) if (key.startsWith(`${customer} `)) map.delete(key);
  }
}
