/** The client against the simulator, which APIKLEY_BASE_URL and APIKLEY_API_KEY name. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, Apikley, resultUrls, type CreateRequest } from "./client.ts";

const { APIKLEY_BASE_URL, APIKLEY_API_KEY = "mock-key" } = process.env;
const api = new Apikley(APIKLEY_API_KEY, APIKLEY_BASE_URL ?? "http://127.0.0.1:8080");

const cat = (prompt: string): CreateRequest => ({
  model: "hailuo/02-image-to-video-pro",
  input: { prompt, image_url: "https://example.com/cat.jpg" },
});

test("a video is made", async () => {
  const taskId = await api.create(cat("A cat surfs"));
  const task = await api.wait(taskId, { intervalMs: 50 });
  assert.equal(task.state, "success");
  const video = await fetch(resultUrls(task)[0]!);
  assert.equal(video.headers.get("content-type"), "video/mp4");
});

test("a failed generation has a reason", async () => {
  const task = await api.wait(await api.create(cat("A cat [mock: fail 422]")), { intervalMs: 50 });
  assert.deepEqual([task.state, task.failCode], ["fail", "422"]);
});

test("a refused request is an ApiError with the code of the body", async () => {
  const refused = (error: unknown) => error instanceof ApiError && error.code === 402;
  await assert.rejects(api.create(cat("A cat [mock: error 402]")), refused);
});
