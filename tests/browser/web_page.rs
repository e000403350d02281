//! The page itself: what its policy forbids, and whether everybody can use it.

use serde_json::{Value, json};
use thirtyfour::{Key, WebDriver};

use super::{browse, command, console, page::Page, prefer, run};
use crate::support::{eventually, nodes::Node};

fn server() -> Node {
    Node::start("memory", &[], &[])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn the_page_keeps_to_its_policy_and_no_other_script_runs() {
    let server = server();
    browse("web_policy", async |driver| {
        let page = Page::logged_in(driver, &server, true).await;
        page.click("show-items").await;
        page.shows("items", "Lamp").await;
        page.reload().await;
        page.shows("logins", "(this login)").await;
        page.click("log-out").await;
        page.asked("POST /revoke (log out) 200", 1).await;
        assert_eq!(console(driver).await, [""; 0]);

        for attack in [
            "const script = document.createElement('script');
             script.append('window.hacked = 1'); document.body.append(script);",
            "document.body.setAttribute('onclick', 'window.hacked = 1'); document.body.click();",
            "const script = document.createElement('script');
             script.setAttribute('src', 'data:text/javascript,window.hacked=1');
             document.body.append(script);",
            "document.body.innerHTML = '<img src=x onerror=\"window.hacked = 1\">';",
            "setTimeout('window.hacked = 1');",
        ] {
            let caught =
                format!("try {{ {attack} }} catch (error) {{ console.error(`${{error}}`) }}");
            run(driver, &caught).await;
            let mut told = Vec::new();
            eventually(async || {
                told.extend(console(driver).await);
                !told.is_empty()
            })
            .await;
            let told = told.join("\n");
            assert!(
                told.contains("Content Security Policy") || told.contains("Trusted"),
                "{told}"
            );
            assert_eq!(
                run(driver, "return window.hacked ?? null").await,
                Value::Null,
                "{attack}"
            );
        }
        // The rule for trusted types is not asked about what the parser finds; that for scripts is.
        let frames = driver.cdp().send_raw("Page.getFrameTree", json!({})).await;
        let frame = frames.unwrap()["frameTree"]["frame"]["id"].clone();
        let html = "<p onclick='window.hacked = 1'></p><script>window.hacked = 1</script>";
        let content = json!({ "frameId": frame, "html": html });
        command(driver, "Page.setDocumentContent", content).await;
        run(driver, "document.querySelector('p').click()").await;
        assert_eq!(
            run(driver, "return window.hacked ?? null").await,
            Value::Null
        );
        let told = console(driver).await.join("\n");
        assert!(told.contains("Executing inline script violates"), "{told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn the_keyboard_is_enough() {
    let server = server();
    browse("web_keyboard", async |driver| {
        let page = Page::open(driver, &server).await;
        assert_eq!(page.focused().await, "username");
        press(driver, "meera").await;
        press(driver, Key::Tab).await;
        press(driver, "secret123").await;
        press(driver, Key::Tab).await;
        press(driver, Key::Space).await;
        press(driver, Key::Tab).await;
        assert_eq!(page.focused().await, "submit");
        press(driver, Key::Enter).await;

        page.shows("kept", "on this device").await;
        assert_eq!(page.focused().await, "hello");
        press(driver, Key::Tab).await;
        press(driver, Key::Enter).await;
        page.shows("items", "Lamp").await;
        press(driver, Key::Tab).await;
        assert_eq!(page.focused().await, "log-out");
        assert_ne!(run(driver, OUTLINE).await, "none");
        press(driver, Key::Enter).await;
        page.shows("notice", "You are logged out.").await;
        assert_eq!(page.focused().await, "username");
        // Enter in a field sends the form.
        press(driver, "meera").await;
        press(driver, Key::Tab).await;
        press(driver, "guess").await;
        press(driver, Key::Enter).await;
        page.shows("problem", "Wrong name or password.").await;
        assert_eq!(page.focused().await, "password");
    })
    .await;
}

const OUTLINE: &str = "return getComputedStyle(document.activeElement).outlineStyle";

async fn press(driver: &WebDriver, keys: impl Into<thirtyfour::TypingData>) {
    let chain = driver.action_chain().send_keys(keys);
    chain.perform().await.unwrap();
}

/// What a screen reader needs, and small things that are often forgotten. A list of what is wrong.
const FAULTS: &str = r"
    const faults = [];
    const check = (good, text) => good || faults.push(text);
    check(document.documentElement.lang === 'en', 'lang');
    check(document.title, 'title');
    check(document.querySelectorAll('h1').length === 1, 'h1');
    check(document.querySelectorAll('main').length === 1, 'main');
    for (const input of document.querySelectorAll('input')) {
      check(input.labels.length === 1 && input.labels[0].textContent.trim(), `label of ${input.id}`);
      if (input.type !== 'checkbox') {
        check(input.autocomplete, `autocomplete of ${input.id}`);
        check(parseFloat(getComputedStyle(input).fontSize) >= 16, `font size of ${input.id}`);
      }
    }
    for (const button of document.querySelectorAll('button')) {
      check(button.textContent.trim(), `text of ${button.id}`);
      const { height } = button.getBoundingClientRect();
      check(height === 0 || height >= 44, `height of ${button.id}`);
    }
    for (const name of ['aria-labelledby', 'aria-describedby']) {
      for (const element of document.querySelectorAll(`[${name}]`)) {
        for (const id of element.getAttribute(name).split(' ')) {
          check(document.getElementById(id), `${name} ${id}`);
        }
      }
    }
    const ids = Array.from(document.querySelectorAll('[id]'), (element) => element.id);
    check(new Set(ids).size === ids.length, 'an id twice');
    check(document.getElementById('problem').getAttribute('role') === 'alert', 'problem');
    for (const id of ['notice', 'away-text']) {
      check(document.getElementById(id).getAttribute('role') === 'status', id);
    }
    const wide = document.scrollingElement;
    check(wide.scrollWidth <= wide.clientWidth, `as wide as ${wide.scrollWidth}`);

    // WCAG 2.2, 1.4.3: 4.5 to 1.
    const light = (color) => {
      const [r, g, b] = color.match(/[\d.]+/g).map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const ground = (element) => {
      const color = element ? getComputedStyle(element).backgroundColor : 'rgb(255, 255, 255)';
      return color === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : color;
    };
    for (const element of document.querySelectorAll('h1, h2, p, label, button, dt, dd, a, span')) {
      if (!element.getClientRects().length || !element.textContent.trim()) continue;
      const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
      const contrast = Math.max(a, b) / Math.min(a, b);
      check(contrast >= 4.5, `contrast ${contrast.toFixed(2)} of ${element.outerHTML}`);
    }
    return faults;";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh installs it and runs this"]
async fn the_page_is_labelled_and_readable_on_a_phone_by_day_and_night() {
    let server = server();
    browse("web_faults", async |driver| {
        let phone = json!({ "width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": true });
        command(driver, "Emulation.setDeviceMetricsOverride", phone).await;
        let page = Page::open(driver, &server).await;
        let mut grounds = Vec::new();
        for scheme in ["light", "dark"] {
            prefer(driver, scheme).await;
            page.log_in("guess", false).await;
            page.shows("problem", "Wrong name or password.").await;
            assert_eq!(run(driver, FAULTS).await, json!([]), "login, {scheme}");
            page.log_in("secret123", false).await;
            page.shows("logins", "(this login)").await;
            page.click("show-items").await;
            page.shows("items", "Lamp").await;
            assert_eq!(run(driver, FAULTS).await, json!([]), "account, {scheme}");
            grounds.push(
                run(
                    driver,
                    "return getComputedStyle(document.body).backgroundColor",
                )
                .await,
            );
            page.click("log-out").await;
            page.shows("notice", "You are logged out.").await;
        }
        assert_ne!(grounds[0], grounds[1]);
    })
    .await;
}
