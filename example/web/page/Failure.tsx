import { Component, type ReactNode } from "react";

/** What is shown when a part of the page fails: a query that throws does so where it is read. */
export class Failure extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="notice" role="alert">
        <h1>This page could not be shown</h1>
        <p>Nothing was lost: what you sent is stored, and what failed was not charged.</p>
        <button type="button" className="button primary" onClick={() => window.location.reload()}>
          Load it again
        </button>
      </main>
    );
  }
}
