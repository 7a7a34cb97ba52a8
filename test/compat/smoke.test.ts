import { expect, test } from "vitest";
import { deployed, SECRET, ORIGIN } from "./deployed.js";
test("smoke", async () => {
  const t0=Date.now();
  const world = await deployed();
  console.log("deployed", Date.now()-t0);
  const r = await fetch(world.url + "/v1/check", { method: "POST", headers: { authorization: `Bearer ${SECRET}` , "content-type": "application/json"}, body: JSON.stringify({customer_id: "a", feature_id: "messages"})});
  console.log(r.status, await r.text());
  const p = await fetch(world.url + "/api/autumn/listPlans", { method: "POST", headers: { origin: ORIGIN }, body: "{}"});
  console.log(p.status, await p.text(), Object.fromEntries(p.headers));
  const b = await fetch(world.url + "/api/autumn/check", { method: "POST", headers: { authorization: "Bearer "+ await world.tokenFor("x") }, body: JSON.stringify({featureId:"messages"})});
  console.log(b.status, await b.text());
  const bad = await fetch(world.url + "/api/autumn/check", { method: "POST", headers: { authorization: "Bearer "+ await world.tokenFor("x")+"x" }, body: JSON.stringify({featureId:"messages"})});
  console.log(bad.status, await bad.text());
  await world.close();
  expect(1).toBe(1);
});
