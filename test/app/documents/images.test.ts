import { anyApi, type ApiFromModules } from "convex/server";
import { describe, expect, test } from "vitest";
import { deploy, user } from "./deploy.js";
import type * as images from "./images.js";

const { images: app } = anyApi as unknown as ApiFromModules<{ images: typeof images }>;

describe("a picture that costs ten credits", () => {
  test("is drawn, and takes ten of them", async () => {
    const ada = user(deploy());
    expect(await ada.action(app.drawPicture, { subject: "a cat" })).toEqual({
      picture: "A picture of a cat",
    });
    expect(await ada.query(app.meter, { featureId: "credits" })).toEqual({
      allowed: true,
      balance: 15,
      included_usage: 25,
      unlimited: false,
    });
  });

  test("is refused in words when nine credits are left", async () => {
    const ada = user(deploy());
    await ada.action(app.call, { requestId: "r1", calls: 16 });
    expect(await ada.action(app.drawPicture, { subject: "a cat" })).toEqual({ error: "Limit reached" });
    expect(await ada.query(app.meter, { featureId: "credits" })).toMatchObject({ balance: 9 });
  });

  test("costs nothing when it fails", async () => {
    const ada = user(deploy());
    await expect(ada.action(app.drawPicture, { subject: "nothing" })).rejects.toThrow("cannot be drawn");
    expect(await ada.query(app.meter, { featureId: "credits" })).toMatchObject({ balance: 25 });
  });

  test("is counted in pictures by its own meter", async () => {
    const ada = user(deploy());
    await ada.action(app.drawPicture, { subject: "a cat" });
    expect(await ada.query(app.meter, { featureId: "image_gen" })).toMatchObject({
      allowed: true,
      balance: 1.5,
      included_usage: 2.5,
    });
  });
});

describe("a call that is tracked with its request's id", () => {
  test("is charged once, however often it is sent", async () => {
    const ada = user(deploy());
    expect(await ada.action(app.call, { requestId: "r1", calls: 1 })).toEqual({
      applied: 1,
      replayed: false,
    });
    expect(await ada.action(app.call, { requestId: "r1", calls: 1 })).toEqual({ applied: 1, replayed: true });
    expect(await ada.query(app.meter, { featureId: "credits" })).toMatchObject({ balance: 24 });
  });

  test("is charged again for another request", async () => {
    const ada = user(deploy());
    await ada.action(app.call, { requestId: "r1", calls: 1 });
    await ada.action(app.call, { requestId: "r2", calls: 1 });
    expect(await ada.query(app.meter, { featureId: "credits" })).toMatchObject({ balance: 23 });
  });

  test("is charged once when its retries arrive together", async () => {
    const ada = user(deploy());
    const retries = Array.from({ length: 10 }, () => ada.action(app.call, { requestId: "r1", calls: 2 }));
    const answers = await Promise.all(retries);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await ada.query(app.meter, { featureId: "credits" })).toMatchObject({ balance: 23 });
  });

  test("can count several calls at once", async () => {
    const ada = user(deploy());
    await ada.action(app.call, { requestId: "r1", calls: 20 });
    expect(await ada.query(app.meter, { featureId: "api_calls" })).toMatchObject({ balance: 5 });
  });
});
