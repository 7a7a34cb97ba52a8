import { useEffect, useState } from "react";
import { moveClock } from "./demoServer.js";
import { dayOf } from "./formats.js";

/** Other tabs show the same day. */
const tabs = new BroadcastChannel("tally-demo-clock");

/** Moves the deployment's clock: what would happen by then happens. */
export function TimeTravel() {
  const [now, setNow] = useState<number>();
  const [moving, setMoving] = useState(false);
  const [failed, setFailed] = useState(false);

  useEffect(() => {
    moveClock("nothing").then(setNow, () => setFailed(true));
    const follow = ({ data }: MessageEvent<number>) => setNow(data);
    tabs.addEventListener("message", follow);
    return () => tabs.removeEventListener("message", follow);
  }, []);

  const move = async (by: "day" | "month") => {
    setMoving(true);
    setFailed(false);
    try {
      const moved = await moveClock(by);
      setNow(moved);
      tabs.postMessage(moved);
    } catch {
      setFailed(true);
    }
    setMoving(false);
  };

  return (
    <section className="time" aria-label="Time">
      <p role="status">
        <span className="time-label">Deployment’s date</span>{" "}
        <strong>{failed ? "unknown" : moving ? "moving…" : now === undefined ? "…" : dayOf(now)}</strong>
      </p>
      <div className="time-buttons">
        <button type="button" className="button small" disabled={moving} onClick={() => void move("day")}>
          + 1 day
        </button>
        <button type="button" className="button small" disabled={moving} onClick={() => void move("month")}>
          + 1 month
        </button>
      </div>
    </section>
  );
}
