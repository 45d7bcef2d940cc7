"""What a page must not let happen: somebody else's script, picture and style in it."""

from __future__ import annotations


def evil(more: str = "") -> str:
    """A script that tries, and gives what came of it and what the page's policy refused.

    more: further statements that try something.
    """
    return """async () => {
  const refused = new Set();
  document.addEventListener("securitypolicyviolation", (e) => refused.add(e.effectiveDirective));
  const [script, picture, text] = ["script", "img", "p"].map((tag) => document.createElement(tag));
  script.textContent = "window.evil = 1";
  picture.src = "http://evil.example.invalid/x.png";
  text.innerHTML = '<b onclick="window.evil = 2" style="color: red">x</b>';
  document.body.append(script, picture, text);
  text.firstChild.click();
  MORE
  await new Promise((done) => setTimeout(done, 50));
  return [window.evil ?? null, [...refused].sort()];
}""".replace("MORE", more)
