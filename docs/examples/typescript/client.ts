/** A typed client of the Apikley API. Its types come from the contract: `npm run generate`. */

import { setTimeout as sleep } from "node:timers/promises";

import createClient from "openapi-fetch";

import type { components, paths } from "./contract.d.ts";

export type CreateRequest = components["schemas"]["CreateTaskRequest"];
export type Task = components["schemas"]["TaskDetails"];

/** The service refused a request. Its code is in the body, usually with HTTP status 200. */
export class ApiError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

export class Apikley {
  readonly #http;

  constructor(apiKey: string, baseUrl = "https://api.apikley.ru") {
    this.#http = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${apiKey}` } });
  }

  /**
   * Creates a task and returns its id. Do not repeat a call that failed without an `ApiError`: its response was lost,
   * so the task may exist and be paid.
   */
  async create(request: CreateRequest): Promise<string> {
    const { taskId } = dataOf(await this.#http.POST("/api/v1/jobs/createTask", { body: request }));
    if (!taskId) throw new Error("the response names no task");
    return taskId;
  }

  async getTask(taskId: string): Promise<Task> {
    return dataOf(await this.#http.GET("/api/v1/jobs/recordInfo", { params: { query: { taskId } } }));
  }

  /** Polls until the task has ended, successfully or not. */
  async wait(taskId: string, { timeoutMs = 900_000, intervalMs = 3_000 } = {}): Promise<Task> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const task = await this.getTask(taskId);
      if (task.state === "success" || task.state === "fail") return task;
      if (performance.now() + intervalMs > deadline) throw new Error(`${taskId} is still ${task.state}`);
      await sleep(intervalMs);
    }
  }
}

/** The addresses of a task's results. */
export function resultUrls(task: Task): string[] {
  const result: { resultUrls?: string[] } = JSON.parse(task.resultJson || "{}");
  return result.resultUrls ?? [];
}

type Envelope<T> = { code?: number; msg?: string; data?: T };

function dataOf<T>(response: { data?: Envelope<T>; error?: Envelope<unknown> }): NonNullable<T> {
  const { code, msg } = response.data ?? response.error ?? {};
  if (code !== 200 || response.data?.data == null) throw new ApiError(code ?? 0, msg ?? "the response is no envelope");
  return response.data.data;
}
