import { tableOfId, type Change, type StoredDocument } from "./reads.js";

/** The documents of a component: per table, by id, in the order of their coming. */
type Tables = ReadonlyMap<string, ReadonlyMap<string, StoredDocument>>;

/** All documents as they were at one moment, by component: nothing changes it any more. */
export type Snapshot = ReadonlyMap<string, Tables>;

/** All committed documents of the deployment. */
export class Documents {
  /** Replaced as a whole by each commit, so that a snapshot is a reference. */
  private current: Snapshot = new Map();
  private readonly numbers = new Map<string, { nextId: number; lastCreationTime: number }>();

  snapshot(): Snapshot {
    return this.current;
  }

  get(component: string, id: string): StoredDocument | null {
    return this.current.get(component)?.get(tableOfId(id))?.get(id) ?? null;
  }

  paths(): string[] {
    return [...this.current.keys()];
  }

  tables(component: string): string[] {
    return [...(this.current.get(component)?.keys() ?? [])];
  }

  in(component: string, table: string): StoredDocument[] {
    return [...(this.current.get(component)?.get(table)?.values() ?? [])];
  }

  apply(changes: readonly Omit<Change, "before">[]): void {
    const components = new Map(this.current);
    const written = new Map<string, Map<string, StoredDocument>>();
    for (const { component, table, id, after } of changes) {
      const key = `${component}:${table}`;
      let documents = written.get(key);
      if (documents === undefined) {
        written.set(key, (documents = new Map(components.get(component)?.get(table))));
        components.set(component, new Map(components.get(component)).set(table, documents));
      }
      if (after === null) documents.delete(id);
      else documents.set(id, after);
      this.reserve(component, parseInt(id, 10) + 1, after?._creationTime);
    }
    this.current = components;
  }

  /** An id that no document of the component has had. */
  newId(component: string, table: string): string {
    return String(this.of(component).nextId++).padStart(32 - table.length, "0") + table;
  }

  /** A later instant than any document of the component was created at, and no earlier than `now`. */
  newCreationTime(component: string, now: number): number {
    const last = this.lastCreationTime(component);
    return now > last ? now : last + 0.001;
  }

  lastCreationTime(component: string): number {
    return this.of(component).lastCreationTime;
  }

  /** Ids below this one are taken, though perhaps by no document any more. */
  reserve(component: string, nextId: number, creationTime = 0): void {
    const numbers = this.of(component);
    numbers.nextId = Math.max(numbers.nextId, nextId);
    numbers.lastCreationTime = Math.max(numbers.lastCreationTime, creationTime);
  }

  private of(component: string): { nextId: number; lastCreationTime: number } {
    let numbers = this.numbers.get(component);
    if (numbers === undefined) {
      this.numbers.set(component, (numbers = { nextId: 10_000, lastCreationTime: 0 }));
    }
    return numbers;
  }
}
