// Asks the Sheaf that the page came from, and nobody else. Addresses are relative to the page, so that it also works
// behind a front proxy that puts a path before it.

const PATIENCE_MS = 8000;

/**
 * An answer that is no 2xx, or none. `status`: 0 where nobody answered. `message`: for the reader, as Sheaf says it.
 * `token`: what was sent with the question; null without one.
 */
export class ApiError extends Error {
  constructor(status, message, token) {
    super(message);
    this.status = status;
    this.token = token;
  }
}

export class Api {
  #token;

  /** @param {() => string | null} token what to send as a bearer token; it is never part of an address */
  constructor(token) {
    this.#token = token;
  }

  /**
   * @param {string} path with its query, without the slash at the start
   * @returns {Promise<any>} the JSON that was answered
   * @throws {ApiError}
   */
  async get(path) {
    const token = this.#token();
    let response;
    try {
      response = await fetch(path, {
        headers: token ? {Authorization: `Bearer ${token}`} : {},
        cache: 'no-store',
        redirect: 'error',
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch (error) {
      const why = error.name === 'TimeoutError' ? `no answer within ${PATIENCE_MS / 1000} s` : 'it cannot be reached';
      throw new ApiError(0, why, token);
    }
    const answer = await response.json().catch(() => null);
    if (response.ok && answer !== null) return answer;
    throw new ApiError(response.status, answer?.message ?? answer?.reason ?? `status ${response.status}`, token);
  }
}
