//! The signature base (RFC 9421 §2.5): the text that is signed.

use super::fields::Component;

/// Each covered component on a line of its own, in the order of the signature, and behind them its parameters: `input`
/// as it stands.
pub(super) fn signature_base<E>(
    components: &[Component<'_>],
    input: &str,
    push_value: impl Fn(&Component<'_>, &mut String) -> Result<(), E>,
) -> Result<String, E> {
    let mut base = String::with_capacity(1024);
    for component in components {
        base.push('"');
        base.push_str(component.name);
        base.push('"');
        base.push_str(component.parameters);
        base.push_str(": ");
        push_value(component, &mut base)?;
        base.push('\n');
    }
    base.extend(["\"@signature-params\": ", input]);
    Ok(base)
}

/// The components and the parameters behind them, as `Signature-Input` has them.
pub(super) fn signature_input(components: &[Component<'_>], parameters: &str) -> String {
    let mut input = String::with_capacity(512);
    for (at, component) in components.iter().enumerate() {
        input.push(if at == 0 { '(' } else { ' ' });
        input.extend(["\"", component.name, "\"", component.parameters]);
    }
    input.extend([")", parameters]);
    input
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};

    use super::super::fields;
    use super::super::parts::{Body, NoValue, RequestParts};
    use super::*;
    use crate::crypto::{MacKey, PublicKey};
    use crate::encoding::decode_base64url;

    /// The request of RFC 9421, appendix B.2.
    const HEADERS: &[(&str, &[u8])] = &[
        ("host", b"example.com"),
        ("date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", b"application/json"),
        (
            "content-digest",
            b"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
        ("content-length", b"18"),
    ];

    const REQUEST: RequestParts<'_> = RequestParts {
        method: "POST",
        scheme: "https",
        authority: "example.com",
        path: "/foo",
        query: Some("param=Value&Pet=dog"),
        headers: HEADERS,
        also_signed: &[],
        body: Body::Present,
    };

    fn base(field: &str, parts: &RequestParts<'_>) -> Result<String, NoValue> {
        let input = &fields::the_one(field, |_| true).unwrap();
        assert_eq!(signature_input(&input.components, &input.text[input.text.rfind(')').unwrap() + 1..]), input.text);
        signature_base(&input.components, input.text, |component, base| parts.push_component(component, base))
    }

    fn signature(field: &str) -> Vec<u8> {
        Base64::decode_vec(fields::digest(field).unwrap().1).unwrap()
    }

    #[test]
    fn hmac_is_rfc_9421_b_2_5() {
        let base = base(
            r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
            &REQUEST,
        )
        .unwrap();
        assert_eq!(
            base,
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
             \"@authority\": example.com\n\
             \"content-type\": application/json\n\
             \"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\""
        );
        let key = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
        let mac = MacKey::from_slice(&Base64::decode_vec(key).unwrap()).mac_plain(base.as_bytes());
        assert_eq!(mac[..], signature("sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:"));
    }

    #[test]
    fn ed25519_is_rfc_9421_b_2_6() {
        let base = base(
            r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
            &REQUEST,
        )
        .unwrap();
        let key = decode_base64url(b"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs").unwrap();
        let signed = signature(
            "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
        );
        let verified = PublicKey::from_bytes(&key).unwrap().verify(base.as_bytes(), &signed.try_into().unwrap());
        assert_eq!(verified, Ok(()));
    }

    #[test]
    fn the_base_is_rfc_9421_b_2_3() {
        let field = r#"sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#;
        let expected = format!(
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
             \"@method\": POST\n\
             \"@path\": /foo\n\
             \"@query\": ?param=Value&Pet=dog\n\
             \"@authority\": example.com\n\
             \"content-type\": application/json\n\
             \"content-digest\": {}\n\
             \"content-length\": 18\n\
             \"@signature-params\": {}",
            core::str::from_utf8(HEADERS[3].1).unwrap(),
            &field["sig-b23=".len()..]
        );
        assert_eq!(base(field, &REQUEST), Ok(expected));
    }

    /// RFC 9421 §2.2.
    #[test]
    fn derived_components_have_their_values() {
        let value = |name: &str, parts: &RequestParts<'_>| {
            let text = base(&format!("sig=(\"{name}\")"), parts)?;
            Ok(text.lines().next().unwrap().split_once(": ").unwrap().1.to_owned())
        };
        let bare = RequestParts { path: "", query: None, ..REQUEST };
        let empty = RequestParts { query: Some(""), ..bare };
        assert_eq!(value("@target-uri", &REQUEST).unwrap(), "https://example.com/foo?param=Value&Pet=dog");
        assert_eq!(value("@target-uri", &bare).unwrap(), "https://example.com/");
        assert_eq!(value("@target-uri", &empty).unwrap(), "https://example.com/?");
        assert_eq!(value("@path", &bare).unwrap(), "/");
        assert_eq!(value("@query", &bare).unwrap(), "?", "absent and empty are the same");
        assert_eq!(value("@query", &empty).unwrap(), "?");
        for unknown in ["@status", "@request-target", "@query-param", "@scheme", "@signature-params", "@"] {
            assert_eq!(value(unknown, &REQUEST), Err(NoValue::Absent), "{unknown}");
        }
    }

    #[test]
    fn a_header_cannot_pass_for_a_derived_component() {
        let headers: &[(&str, &[u8])] = &[("@method", b"GET"), ("@status", b"200")];
        let parts = RequestParts { headers, ..REQUEST };
        assert!(base("sig=(\"@method\")", &parts).unwrap().starts_with("\"@method\": POST\n"));
        assert_eq!(base("sig=(\"@status\")", &parts), Err(NoValue::Absent));
    }

    #[test]
    fn values_cannot_forge_a_line() {
        for value in [&b"a\nb"[..], b"a\r\nb", b"a\0b", b"a\r\n b", "ä".as_bytes(), b"\xFF", b"a\x7Fb"] {
            let headers = [("x", value)];
            let parts = RequestParts { headers: &headers, ..REQUEST };
            assert_eq!(base("sig=(\"x\")", &parts), Err(NoValue::Ambiguous), "{value:?}");
        }
        for text in ["/a\n\"@query\": ?x", "/a b", "/ä", "/a\0"] {
            for name in ["@path", "@method", "@authority", "@query", "@target-uri"] {
                let forged = RequestParts { method: text, authority: text, path: text, query: Some(text), ..REQUEST };
                assert_eq!(base(&format!("sig=(\"{name}\")"), &forged), Err(NoValue::Ambiguous), "{name} {text:?}");
            }
        }
        let padded: &[(&str, &[u8])] = &[("x", b" \t a\tb  ")];
        let parts = RequestParts { headers: padded, ..REQUEST };
        assert!(base("sig=(\"x\")", &parts).unwrap().starts_with("\"x\": a\tb\n"));
    }

    #[test]
    fn a_header_that_is_there_twice_has_no_value() {
        let headers: &[(&str, &[u8])] = &[("x", b"1"), ("x", b"1")];
        let parts = RequestParts { headers, ..REQUEST };
        assert_eq!(base("sig=(\"x\")", &parts), Err(NoValue::Ambiguous));
        assert_eq!(base("sig=(\"y\")", &parts), Err(NoValue::Absent));
    }

    #[test]
    fn components_with_parameters_are_not_of_the_profile() {
        for component in [r#""content-digest";req"#, r#""date";sf"#, r#""x";key="a""#, r#""x";bs"#, r#""x";tr"#] {
            assert_eq!(base(&format!("sig=({component})"), &REQUEST), Err(NoValue::Absent), "{component}");
        }
    }
}
