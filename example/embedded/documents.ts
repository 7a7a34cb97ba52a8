import { tableOfId, type Change, type StoredDocument } from "./reads.js";

/** The committed documents of a component: per table, by id, in the order of their coming. */
type Tables = ReadonlyMap<string, ReadonlyMap<string, StoredDocument>>;

/** What a transaction sees of the database: all as it was when it began. */
export interface Snapshot {
  tables(component: string): Tables;
  /** Every snapshot is given back, since what somebody may still read is copied before it is written. */
  release(): void;
}

interface Component {
  tables: Map<string, Map<string, StoredDocument>>;
  /** Whether a snapshot holds the map of tables, and which tables it holds. */
  shared: boolean;
  sharedTables: Set<string>;
  nextId: number;
  lastCreationTime: number;
}

const NO_TABLES: Tables = new Map();

/** All committed documents of the deployment. */
export class Documents {
  private readonly components = new Map<string, Component>();
  private readers = 0;

  snapshot(): Snapshot {
    const held = new Map<string, Tables>();
    for (const [path, component] of this.components) {
      component.shared = true;
      held.set(path, component.tables);
    }
    this.readers++;
    return {
      tables: (path) => held.get(path) ?? NO_TABLES,
      release: () => {
        if (--this.readers === 0) this.unshare();
      },
    };
  }

  get(component: string, id: string): StoredDocument | null {
    return this.components.get(component)?.tables.get(tableOfId(id))?.get(id) ?? null;
  }

  tables(component: string): string[] {
    return [...(this.components.get(component)?.tables.keys() ?? [])];
  }

  in(component: string, table: string): StoredDocument[] {
    return [...(this.components.get(component)?.tables.get(table)?.values() ?? [])];
  }

  paths(): string[] {
    return [...this.components.keys()];
  }

  apply(changes: readonly Change[]): void {
    for (const { component, table, id, after } of changes) {
      const documents = this.writable(component, table);
      if (after === null) documents.delete(id);
      else documents.set(id, after);
      const known = this.of(component);
      known.lastCreationTime = Math.max(known.lastCreationTime, after?._creationTime ?? 0);
    }
  }

  /** A document from before the start. */
  load(component: string, document: StoredDocument): void {
    const { _id: id } = document;
    this.apply([{ component, table: tableOfId(id), id, before: null, after: document }]);
    this.reserveIds(component, parseInt(id, 10) + 1);
  }

  /** Ids below this one are taken, though perhaps by no document any more. */
  reserveIds(component: string, nextId: number): void {
    const known = this.of(component);
    known.nextId = Math.max(known.nextId, nextId);
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

  private writable(path: string, table: string): Map<string, StoredDocument> {
    const component = this.of(path);
    if (component.shared) {
      component.tables = new Map(component.tables);
      component.sharedTables = new Set(component.tables.keys());
      component.shared = false;
    }
    let documents = component.tables.get(table);
    if (documents === undefined || component.sharedTables.has(table)) {
      component.tables.set(table, (documents = new Map(documents)));
      component.sharedTables.delete(table);
    }
    return documents;
  }

  private unshare(): void {
    for (const component of this.components.values()) {
      component.shared = false;
      component.sharedTables.clear();
    }
  }

  private of(path: string): Component {
    let component = this.components.get(path);
    if (component === undefined) {
      component = {
        tables: new Map(),
        shared: false,
        sharedTables: new Set(),
        nextId: 10_000,
        lastCreationTime: 0,
      };
      this.components.set(path, component);
    }
    return component;
  }
}
