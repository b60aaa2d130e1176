// The operator's token: asked for once, kept for this tab alone.

const KEY = 'sheaf-admin-token';

export class Token {
  #dialog = document.getElementById('token');
  #input = document.getElementById('token-input');
  #error = document.getElementById('token-error');
  #button = document.getElementById('token-button');
  #isAwaited = false;

  /** @param {() => void} onEntered a token was entered: it is worth asking again */
  constructor(onEntered) {
    const form = this.#dialog.querySelector('form');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, this.#input.value.trim());
      // The same words once more would not be read out to whoever cannot see them.
      this.#error.textContent = '';
      this.#isAwaited = false;
      this.#button.hidden = true;
      this.#close();
      onEntered();
    });
    form.querySelector('[value="cancel"]').addEventListener('click', () => this.#close());
    this.#dialog.addEventListener('close', () => this.#close());
    this.#button.addEventListener('click', () => this.#open());
  }

  /** @returns {string | null} the token, as far as it is known */
  get() {
    return sessionStorage.getItem(KEY);
  }

  /**
   * Sheaf has refused what was sent. The dialogue opens; whoever closes it has a button to open it again.
   * @param {string} reason as Sheaf says it
   * @param {string | null} refused the token that was sent; one that is no longer in use may be refused late
   */
  ask(reason, refused) {
    if (this.#isAwaited || refused !== this.get()) return;
    this.#isAwaited = true;
    this.#error.textContent = refused === null ? '' : `This token was refused: ${reason}.`;
    sessionStorage.removeItem(KEY);
    this.#button.hidden = false;
    this.#open();
  }

  /** @returns {boolean} whether it was asked for and is not there yet: till then there is no sense in asking Sheaf */
  get isAwaited() {
    return this.#isAwaited;
  }

  #open() {
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
  }

  #close() {
    this.#input.value = '';
    if (this.#dialog.open) this.#dialog.close();
  }
}
