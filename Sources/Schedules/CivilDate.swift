/// A day of the Gregorian calendar.
struct CivilDate: Hashable {
    let year: Int
    let month: Int
    let day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    // Years are counted from March, so that the leap day is the last of its year; 400 years are 146097 days.

    init(daysSinceEpoch: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = floorDivide(shifted, 146_097)
        let ofEra = Int(shifted - era * 146_097)
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * ofYear + 2) / 153
        month = part < 10 ? part + 3 : part - 9
        day = ofYear - (153 * part + 2) / 5 + 1
        year = Int(era) * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    var daysSinceEpoch: Int64 {
        let shifted = Int64(month > 2 ? year : year - 1)
        let era = floorDivide(shifted, 400)
        let ofEra = shifted - era * 400
        let ofYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    /// Midnight, in seconds since 1970.
    var start: Int64 { daysSinceEpoch * 86_400 }
    var next: CivilDate { CivilDate(daysSinceEpoch: daysSinceEpoch + 1) }
    /// Sunday is 0; 1970-01-01 was a Thursday.
    var weekday: Int {
        let shifted = daysSinceEpoch + 4
        return Int(shifted - floorDivide(shifted, 7) * 7)
    }
}

func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
}
