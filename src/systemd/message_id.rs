//! The message IDs of journal entries.
//!
//! `journalctl MESSAGE_ID=…` and alerts depend on them, so a number never changes and is never used again.
//! `contrib/autora.catalog` explains each (`journalctl -x`), and autora(8) lists them.

/// An event that operators look or alert for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageId {
    /// It starts to advertise, or advertises another prefix or from another source.
    Advertising,
    /// It does not advertise; `AUTORA_REASON` says why.
    NotAdvertising,
    /// It does not advertise because another program of this host does.
    Yielding,
    /// Another router on the link sends Router Advertisements.
    ForeignAdvertisement,
    /// A Router Advertisement could not be sent.
    SendFailed,
    /// Sending works again.
    SendWorks,
    /// It withdraws the default route, or announces that a prefix is retired.
    Withdrawing,
    /// SIGTERM or SIGINT: it withdraws and exits.
    Stopping,
    /// SIGHUP: it exits for a restart, without a withdrawal.
    Leaving,
    /// The interface was deleted, renamed or moved to another network namespace.
    InterfaceGone,
    /// It did not start: there is no such interface (status 66).
    NoInterface,
    /// It exited: an unrecoverable operating-system error (status 71).
    SystemFailed,
    /// It did not start: a privilege is missing (status 77).
    NoPermission,
    /// It did not start: the configuration is refused (status 2 or 78).
    ConfigRefused,
}

impl MessageId {
    /// All message IDs, in the order of the manual.
    pub const ALL: [Self; 14] = [
        Self::Advertising,
        Self::NotAdvertising,
        Self::Yielding,
        Self::ForeignAdvertisement,
        Self::SendFailed,
        Self::SendWorks,
        Self::Withdrawing,
        Self::Stopping,
        Self::Leaving,
        Self::InterfaceGone,
        Self::NoInterface,
        Self::SystemFailed,
        Self::NoPermission,
        Self::ConfigRefused,
    ];

    /// The value of the journal's field `MESSAGE_ID`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Advertising => "728848bbe45e404f80aba77bfdf63f1c",
            Self::NotAdvertising => "a9cb4e535d2d4f55978b10f710bb0d7b",
            Self::Yielding => "405f72b59bfb4d1599dd7c74e7bfa155",
            Self::ForeignAdvertisement => "1bfc1c1df38c4a0da1aeebc558dc8e13",
            Self::SendFailed => "a8a60b3d6b71476491a3f45b69de709f",
            Self::SendWorks => "d63dc87ab8524bd98bdfe5fada8de65b",
            Self::Withdrawing => "5bea6653fb3f4fd28a5c30e40d453c9d",
            Self::Stopping => "6c72302ccec44ab8b954600ad5d0fc34",
            Self::Leaving => "ef0c00dae480423b9e95f1dacac2c3c8",
            Self::InterfaceGone => "952d3d217f114a9286f39298d0a3c0cb",
            Self::NoInterface => "e09f8c1304904a9b92596bcfb0526ba0",
            Self::SystemFailed => "ec308a68c63e46a989fb157984cd5b74",
            Self::NoPermission => "7ed72c0b75ca44caa4c57bfbcbf105a0",
            Self::ConfigRefused => "9cda5831888f4420977a62774c78449c",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const CATALOG: &str = include_str!("../../contrib/autora.catalog");

    /// The entries of the catalogue: number, header lines, text.
    fn entries() -> Vec<(&'static str, &'static str, &'static str)> {
        CATALOG
            .split("\n-- ")
            .skip(1)
            .map(|entry| {
                let (id, rest) = entry.split_once('\n').unwrap();
                let (header, text) = rest.split_once("\n\n").unwrap();
                (id, header, text)
            })
            .collect()
    }

    #[test]
    fn the_list_has_every_number() {
        let (code, _) = include_str!("message_id.rs").split_once("#[cfg(test)]").unwrap();
        assert_eq!(code.matches(" => \"").count(), MessageId::ALL.len());
    }

    #[test]
    fn the_numbers_are_unique_and_well_formed() {
        let ids: BTreeSet<_> = MessageId::ALL.iter().map(|message| message.id()).collect();
        assert_eq!(ids.len(), MessageId::ALL.len());
        for id in ids {
            assert_eq!(id.len(), 32, "{id}");
            let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            assert!(id.bytes().all(digit), "{id}");
        }
    }

    #[test]
    fn the_catalogue_explains_each_in_this_order_and_nothing_else() {
        let explained: Vec<_> = entries().iter().map(|&(id, ..)| id).collect();
        let known: Vec<_> = MessageId::ALL.iter().map(|message| message.id()).collect();
        assert_eq!(explained, known);
    }

    #[test]
    fn each_explanation_names_the_interface_and_the_manual() {
        for (id, header, text) in entries() {
            for line in [
                "Subject: ",
                "Defined-By: autora",
                "Support: ",
                "Documentation: man:autora(8)",
            ] {
                assert!(header.lines().any(|l| l.starts_with(line)), "{id}: {line}");
            }
            // At the start the name of the interface may be unknown.
            let exited = ["autora did not start", "autora ended"];
            let exited = exited.iter().any(|words| header.contains(words));
            assert!(exited || header.contains("@AUTORA_INTERFACE@"), "{id}: {header}");
            assert!(text.trim().len() > 80, "{id}: {text}");
        }
    }
}
