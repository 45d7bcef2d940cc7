// Opened from the folder, a browser starts no worker: search then runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = Object.assign(document.createElement("iframe"), { hidden: true })
      document.body.append(this.frame)
      const page = this.frame.contentWindow
      page.postMessage = undefined
      this.ready = new Promise((resolve) => {
        const load = (address) => new Promise((done, failed) => {
          const script = page.document.createElement("script")
          Object.assign(script, { src: address, onload: done, onerror: failed })
          page.document.head.append(script)
        })
        page.importScripts = (...all) => all.reduce((before, each) => before.then(() => load(each)), Promise.resolve())
        page.postMessage = (data) => {
          const event = new MessageEvent("message", { data })
          this.dispatchEvent(event)
          if (this.onmessage) this.onmessage(event)
        }
        resolve(load(new URL(url, location.href).href))
      })
    }
    postMessage(data) {
      const page = this.frame.contentWindow
      this.ready.then(() => page.dispatchEvent(new page.MessageEvent("message", { data })))
    }
    terminate() { this.frame.remove() }
  }
}
