// Pictures are sent to the studio.
(() => {
  // Gradio evaluates the HTML as a template, so text from the server must not hold a placeholder.
  const plain = text => String(text).replaceAll('$', '＄').replaceAll('`', '’').replaceAll('\\', '/');

  // Why the studio refuses a picture.
  studio.reason = async answer => {
    const {detail} = await answer.json().catch(() => ({}));
    const said = Array.isArray(detail) ? detail.map(each => each.msg).join(' ') : detail;
    return plain((said || WORDS.not_sent).replace(/^image_\w+: /, 'It '));
  };

  // What the studio says of a picture that it is sent: {digest, note, …}, or {problem}.
  studio.sendPicture = async file => {
    try {
      const headers = {'Content-Type': file.type || 'application/octet-stream'};
      const answer = await fetch('inputs', {method: 'POST', body: file, headers});
      if (!answer.ok) return {problem: await studio.reason(answer)};
      const told = await answer.json();
      return told.note ? {...told, note: plain(told.note)} : told;
    } catch {
      return {problem: WORDS.offline};
    }
  };
})();
