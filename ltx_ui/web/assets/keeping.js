(() => {
  // What the browser keeps: each tab has its own, and a new tab begins with the last one's.
  const {getItem, setItem} = Storage.prototype;
  Storage.prototype.getItem = function (key) {
    const own = this === localStorage && String(key).startsWith(KEEP);
    return (own ? getItem.call(sessionStorage, key) : null) ?? getItem.call(this, key);
  };
  Storage.prototype.setItem = function (key, value) {
    if (this === localStorage && String(key).startsWith(KEEP)) setItem.call(sessionStorage, key, value);
    setItem.call(this, key, value);
  };
})();
