{${name}:String}
